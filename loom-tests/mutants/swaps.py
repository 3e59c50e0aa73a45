"""Mutants that change the order of two steps, written by hand. run.py finds the weakened orderings itself.

Each is (name, file, old, new). `old` occurs in the file exactly once and is replaced by `new`, in which `MUTANT` is a
condition that is true while this mutant is switched on. `STRONG_Release` is an ordering that no other mutant weakens.
"""

SWAPS = [
    (
        "`Producer::write_event`: publishes, then writes the bytes",
        "handle/producer.rs",
        "let stride = self.inner.end.write_parts(at, header, first, second)?;",
        """if MUTANT {
            self.inner.end.reserve(at, header.stride())?;
            self.inner.end.publish(at.wrapping_add(header.stride()));
        }
        let stride = self.inner.end.write_parts(at, header, first, second)?;""",
    ),
    (
        "`Producer::write_event`: publishes, then adds the checksum of a retained ring",
        "handle/producer.rs",
        "self.inner.add_checksum(retention, at, stride)?;\n                self.inner.publish",
        """if MUTANT {
                    self.inner.publish(at.wrapping_add(stride));
                }
                self.inner.add_checksum(retention, at, stride)?;
                self.inner.publish""",
    ),
    (
        "`Claim::commit`: publishes, then completes the record",
        "handle/claim.rs",
        "let stride = self.inner.complete(self.at, header)?;",
        """if MUTANT {
            self.inner.publish(self.at.wrapping_add(crate::format::header::record_len(len)));
        }
        let stride = self.inner.complete(self.at, header)?;""",
    ),
    (
        "`Claim::commit`: publishes, then lets go of the bytes",
        "handle/claim.rs",
        "self.lent.end();",
        """if MUTANT && self.cursor.is_none() {
            self.inner.publish(self.at.wrapping_add(stride));
        }
        self.lent.end();""",
    ),
    (
        "`Batch::write_event`: publishes each event",
        "handle/batch.rs",
        "self.events += 1;",
        """self.events += 1;
        if MUTANT {
            self.inner.publish(self.next);
        }""",
    ),
    (
        "`Producer::publish_gap`: publishes, then notes the GAP record's place",
        "handle/lossy.rs",
        """self.inner.end.parts().control().gap_pending(self.inner.end.head());
        self.inner.publish(next);""",
        """let head = self.inner.end.head();
        if MUTANT {
            self.inner.publish(next);
        }
        self.inner.end.parts().control().gap_pending(head);
        if !(MUTANT) {
            self.inner.publish(next);
        }""",
    ),
    (
        "`LossyProducer::write_gap_alone`: forgets the losses, then publishes the GAP record",
        "handle/lossy.rs",
        "self.producer.publish_gap(next);",
        """if MUTANT {
            self.producer.inner.end.parts().control().gap_reported();
        }
        self.producer.publish_gap(next);""",
    ),
    (
        "`Control::gap_reported`: forgets the GAP record's place, then the losses",
        "protocol/losses.rs",
        """self.forget_loss();
        self.forget_gap();""",
        """if MUTANT {
            self.forget_gap();
        }
        self.forget_loss();
        if !(MUTANT) {
            self.forget_gap();
        }""",
    ),
    (
        "`Control::add_losses`: counts the loss, then notes its time",
        "protocol/losses.rs",
        "if count == 0 {",
        """if MUTANT {
            self.producer.lost.store(count.saturating_add(events), STRONG_Release);
        }
        if count == 0 {""",
    ),
    (
        "`ReadEnd::header`: reads a header of which a part is published",
        "protocol/read_end.rs",
        "if available < HEADER_LEN {",
        "if available < HEADER_LEN && !(MUTANT) {",
    ),
    (
        "`Consumer::release`: releases, then stops reading",
        "handle/consumer.rs",
        """self.inner.end.end_of_lend(tail, next.wrapping_sub(tail));
            self.inner.end.release(next);""",
        """if MUTANT {
                self.inner.end.release(next);
            }
            self.inner.end.end_of_lend(tail, next.wrapping_sub(tail));
            if !(MUTANT) {
                self.inner.end.release(next);
            }""",
    ),
    (
        "`Consumer::drain`: releases, then reads",
        "handle/consumer.rs",
        "let done = ReleaseOnDrop { end: &mut inner.end, start, next: &mut inner.next };",
        """let done = ReleaseOnDrop { end: &mut inner.end, start, next: &mut inner.next };
        if MUTANT && left > 0 {
            done.end.release(start.wrapping_add(left));
        }""",
    ),
    (
        "`Consumer::release_bytes`: releases, then stops reading",
        "handle/consumer.rs",
        """self.inner.end.end_of_lend(tail, bytes);
            self.inner.release(tail.wrapping_add(bytes & !7));""",
        """if MUTANT {
                self.inner.release(tail.wrapping_add(bytes & !7));
            }
            self.inner.end.end_of_lend(tail, bytes);
            if !(MUTANT) {
                self.inner.release(tail.wrapping_add(bytes & !7));
            }""",
    ),
    (
        "`Consumer::skip_to`: releases, then reads the headers",
        "handle/consumer.rs",
        "let (mut done, mut events) = (0, 0);",
        """let (mut done, mut events) = (0, 0);
        if MUTANT && skipped > 0 {
            self.inner.end.release(position);
        }""",
    ),
    (
        "`Consumer::is_finished`: looks for events, then for the end",
        "handle/consumer.rs",
        "self.is_closed() && self.is_empty()",
        "if MUTANT { self.is_empty() && self.is_closed() } else { self.is_closed() && self.is_empty() }",
    ),
    (
        "`Consumer::peek_described_run`: loads the list's word, then the head",
        "handle/consumer.rs",
        "let run = self.peek_run(skip_bytes)?;",
        """let before = if MUTANT { parts.control().schemas() } else { 0 };
        let run = self.peek_run(skip_bytes)?;
        if MUTANT {
            return Ok(run.map(|run| (run, before)));
        }""",
    ),
    (
        "`Ring::check_schemas_word`: takes another list while events are unread",
        "ring/ring.rs",
        "match control.unread() {",
        "match if MUTANT { 0 } else { control.unread() } {",
    ),
    (
        "`Control::format`: the magic, then the rest",
        "protocol/control.rs",
        "magic.store(0, Ordering::Relaxed);",
        "magic.store(if MUTANT { MAGIC } else { 0 }, Ordering::Relaxed);",
    ),
    (
        "`SplitGuard::is_first`: a load and a store instead of a swap",
        "ring/once.rs",
        "!self.passed.swap(true, Ordering::Relaxed)",
        """if MUTANT {
                let is_first = !self.passed.load(Ordering::Relaxed);
                self.passed.store(true, Ordering::Relaxed);
                return is_first;
            }
            !self.passed.swap(true, Ordering::Relaxed)""",
    ),
    (
        "`ParkFlag::raise`: raises the flag after the fence",
        "park_flag.rs",
        "self.raised.store(true, Ordering::Relaxed);",
        """if MUTANT {
            fence(STRONG_SeqCst);
            self.raised.store(true, Ordering::Relaxed);
            return;
        }
        self.raised.store(true, Ordering::Relaxed);""",
    ),
    (
        "`ParkFlag::is_wake_due`: wakes nobody while it lowers the flag",
        "park_flag.rs",
        "self.raised.store(false, Ordering::Relaxed);\n        }\n        due",
        "self.raised.store(false, Ordering::Relaxed);\n        }\n        due && !(MUTANT)",
    ),
    (
        "`AsyncProducer::write_event`: wakes, then publishes",
        "wake/async_producer.rs",
        """self.producer.write_event(header, payload)?;
        self.signal().wake();
        Ok(())""",
        """if MUTANT {
            self.signal().wake();
            return self.producer.write_event(header, payload);
        }
        self.producer.write_event(header, payload)?;
        self.signal().wake();
        Ok(())""",
    ),
    (
        "`AsyncProducer::drop`: wakes nobody",
        "wake/async_producer.rs",
        "self.0.borrow().wake();",
        """if !(MUTANT) {
            self.0.borrow().wake();
        }""",
    ),
    (
        "`AsyncConsumer::poll_ready`: looks, then stores the waker",
        "wake/async_consumer.rs",
        """signal.listen(context.waker());
        // Before the look: what was published before the end is then found.
        let closed = self.consumer.is_closed();
        let found = !self.consumer.is_empty();""",
        """if !(MUTANT) {
            signal.listen(context.waker());
        }
        let closed = self.consumer.is_closed();
        let found = !self.consumer.is_empty();
        if MUTANT {
            signal.listen(context.waker());
        }""",
    ),
    (
        "`AsyncConsumer::poll_ready`: looks for events, then for the end",
        "wake/async_consumer.rs",
        """let closed = self.consumer.is_closed();
        let found = !self.consumer.is_empty();""",
        """let first = MUTANT && !self.consumer.is_empty();
        let closed = self.consumer.is_closed();
        let found = if MUTANT { first } else { !self.consumer.is_empty() };""",
    ),
    (
        "`store_header`: the magic, then the rest",
        "format/publication.rs",
        "let bytes = header.to_bytes();",
        """let bytes = header.to_bytes();
    if MUTANT {
        store64(words, field::MAGIC, word_at(&bytes, field::MAGIC), STRONG_Release);
    }""",
    ),
    (
        "`read_header`: loads the flags after the offset",
        "format/publication.rs",
        "    bytes\n}\n\nfn load64(",
        """    if MUTANT {
        let word = words.word32(field::FLAGS).load(Ordering::Relaxed);
        bytes[field::FLAGS..][..4].copy_from_slice(&u32::from_le(word).to_le_bytes());
    }
    bytes
}

fn load64(""",
    ),
    (
        "`read_header`: loads the watermark after the offset",
        "format/publication.rs",
        "    bytes\n}\n\nfn load64(",
        """    if MUTANT {
        load64(words, field::SYNCED_OFFSET, &mut bytes);
    }
    bytes
}

fn load64(""",
    ),
    (
        "`read_header`: loads the magic after the rest",
        "format/publication.rs",
        "    bytes\n}\n\nfn load64(",
        """    if MUTANT {
        load64(words, field::MAGIC, &mut bytes);
    }
    bytes
}

fn load64(""",
    ),
]
