"""Changes to how a log's threads work together, each noticed by a question: see run.py.

The `edits` of a `Change` are (old, new) or (old, new, file). `old` is in the file exactly once. `MUTANT` in `new` becomes a
condition that is true while this change is switched on. Later changes find the text that earlier ones have left.
"""

from dataclasses import dataclass


@dataclass
class Change:
    file: str
    name: str
    edits: list
    # In how many orders the question has to notice it.
    orders: int = 1000


CHANGES = [
    # What is promised.
    Change(
        "segment/flusher.rs",
        "`sync`: the watermark is stored, then the bytes are synced",
        [("self.sync_range(from, to)?;", "if MUTANT { self.map.store_synced_offset(to); } self.sync_range(from, to)?;")],
    ),
    Change(
        "segment/flusher.rs",
        "`sync`: the end of what was synced is loaded after the sync",
        [
            (
                "self.sync_range(from, to)?;\n",
                "self.sync_range(from, to)?;\nlet to = if MUTANT { self.map.write_offset() } else { to };\n",
            )
        ],
    ),
    Change(
        "segment/flusher.rs",
        "`sync`: does not ask whether a sync has failed",
        [
            (
                "self.refuse_if_poisoned()?;\n        self.rename_into_place()?;",
                "if !(MUTANT) { self.refuse_if_poisoned()?; }\n        self.rename_into_place()?;",
            )
        ],
    ),
    Change(
        "segment/flusher.rs",
        "`finish`: CLEAN is set before the sync",
        [("let end = self.sync()?;", "if MUTANT { self.map.set_flags(file_flags::CLEAN); } let end = self.sync()?;")],
    ),
    Change(
        "segment/flusher.rs",
        "`rename_into_place`: who gets the lock does not ask again whether a sync has failed",
        [
            (
                "self.refuse_if_poisoned()?;\n        // A named file",
                "if !(MUTANT) { self.refuse_if_poisoned()?; }\n        // A named file",
            )
        ],
        orders=5000,
    ),
    Change(
        "maintenance/flush.rs",
        "`sync_current`: the watermark is raised, then the segment is synced",
        [
            (
                "current.sync()?;",
                "if MUTANT { self.durable_position.fetch_max(current.published_position(), Ordering::Relaxed); } "
                "current.sync()?;",
            )
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`finish`: the watermark is raised, then the segment is synced",
        [
            (
                "open.flusher.finish(!self",
                "if MUTANT { self.durable_position.fetch_max(open.flusher.published_position(), Ordering::Relaxed); } "
                "open.flusher.finish(!self",
            )
        ],
    ),
    Change(
        "maintenance/segments.rs",
        "`oldest_open`: the newest open segment, also at a roll",
        [
            (
                "lock(&self.open).front().cloned()",
                "let open = lock(&self.open); let one = if MUTANT { open.back() } else { open.front() }; one.cloned()",
            )
        ],
        orders=5000,
    ),
    Change(
        "maintenance/flush.rs",
        "`finish_full`: leaves a segment out where several are full",
        [
            (
                "while let Some((oldest, next)) = self.segments.oldest_full() {\n            self.finish(",
                "while let Some((oldest, next)) = self.segments.oldest_full() {\n"
                "            if MUTANT && self.segments.count_open() > 2 { self.segments.close_oldest(&oldest); continue; }\n"
                "            self.finish(",
            )
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`finish_full`: the newest of several full segments first",
        [
            (
                "let mut any = false;",
                "let mut any = false; if MUTANT { let mut full: Vec<_> = lock(&self.segments.open).iter().cloned().collect(); "
                "full.pop(); for open in full.iter().rev() "
                "{ open.flusher.finish(true)?; self.note_durable(state, &open.flusher); } }",
            )
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`sync_now`: those that are full first, then those that were set down without a sync",
        [
            (
                "self.finish_unsynced(&mut state)?;\n        self.finish_full(&state)?;\n        state.last",
                "if MUTANT { self.finish_full(&state)?; }\n"
                "        self.finish_unsynced(&mut state)?;\n        self.finish_full(&state)?;\n        state.last",
            )
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`step`: leaves what a killed process had not synced to the next call for a sync",
        [
            (
                "self.finish_unsynced(&mut state)? | self.finish_full(&state)?",
                "(!(MUTANT) && self.finish_unsynced(&mut state)?) | self.finish_full(&state)?",
            )
        ],
    ),
    Change(
        "log/opening.rs",
        "`at_end`: the watermark begins at the log's end, also after a process that was killed",
        [
            (
                "durable_position.unwrap_or(base.position)",
                "if MUTANT { base.position } else { durable_position.unwrap_or(base.position) }",
            )
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`finish_all`: does not say that the log is poisoned where nothing is left to finish",
        [("} else if self.segments.poison.is_set() {", "} else if !(MUTANT) && self.segments.poison.is_set() {")],
        orders=20000,
    ),
    # Who waits.
    Change(
        "maintenance/workers.rs",
        "`Workers::drop`: wakes nobody",
        [("thread.thread().unpark();", "if !(MUTANT) { thread.thread().unpark(); }")],
    ),
    Change(
        "maintenance/workers.rs",
        "`Workers::drop`: wakes all of them, then says that they are to stop",
        [
            ("self.stop.store(true,", "if MUTANT { self.wake(); } self.stop.store(true,"),
            ("thread.thread().unpark(); }", "if !(MUTANT) { thread.thread().unpark(); } }"),
        ],
    ),
    Change(
        "maintenance/workers.rs",
        "`pages`: does not wake the worker of the segments at a roll",
        [
            (
                "if has_rolled || maintenance.spares.is_due() {",
                "if (has_rolled && !(MUTANT)) || maintenance.spares.is_due() {",
            )
        ],
    ),
    Change(
        "maintenance/workers.rs",
        "`pages`: does not wake the worker of the segments where the next one is due",
        [("|| maintenance.spares.is_due() {", "|| (!(MUTANT) && maintenance.spares.is_due()) {")],
    ),
    Change(
        "maintenance/workers.rs",
        "`pages`: does not wake the worker of the syncs at a roll",
        [
            (
                ".filter(|_| has_rolled || maintenance.syncs.is_wanted())",
                ".filter(|_| (has_rolled && !(MUTANT)) || maintenance.syncs.is_wanted())",
            )
        ],
    ),
    Change(
        "maintenance/workers.rs",
        "`pages`: does not wake the worker of the syncs where the policy asks for one",
        [("|| maintenance.syncs.is_wanted())", "|| (!(MUTANT) && maintenance.syncs.is_wanted()))")],
    ),
    Change(
        "log/supply.rs",
        "`have_spare_prepared`: wakes nobody",
        [
            (
                "workers.wake();\n                sleep(STALL_PAUSE);",
                "if !(MUTANT) { workers.wake(); }\n                sleep(STALL_PAUSE);",
            )
        ],
    ),
    Change(
        "log/roll/mod.rs",
        "`roll`: does not wait for syncs",
        [("self.supply().wait_for_syncs()?;", "if !(MUTANT) { self.supply().wait_for_syncs()?; }")],
    ),
    Change(
        "log/closing.rs",
        "`end`: ends the workers after the last segment",
        [
            ("self.workers = None;", "if !(MUTANT) { self.workers = None; }"),
            ("self.maintenance.spares.discard();", "self.maintenance.spares.discard(); self.workers = None;"),
        ],
    ),
    Change(
        "maintenance/segments.rs",
        "`pop_oldest`: holds the lists of open and of finished segments, in the other order than `keep`",
        [
            (
                "let mut kept = lock(&self.kept);\n        if kept.len() > 1",
                "let _open = (MUTANT).then(|| lock(&self.open)); let mut kept = lock(&self.kept);\n        if kept.len() > 1",
            ),
        ],
    ),
    Change(
        "maintenance/flush.rs",
        "`close_without_sync`: waits for who syncs, and `sync_now` for who prepares",
        [
            (
                "let Ok(mut state) = self.syncing.try_lock() else { return Ok(()) };",
                "let tried = if MUTANT { Some(lock(&self.syncing)) } else { self.syncing.try_lock().ok() };\n"
                "let Some(mut state) = tried else { return Ok(()) };",
            ),
            (
                "state.last = Instant::now();\n        self.current().map_or",
                "drop((MUTANT).then(|| lock(&self.segments.preparing))); "
                "state.last = Instant::now();\n        self.current().map_or",
            ),
        ],
    ),
    # Who has a segment.
    Change(
        "maintenance/flush.rs",
        "`close_without_sync`: does not ask whether somebody syncs",
        [
            (
                "let Some(mut state) = tried else { return Ok(()) };",
                "let Some(mut state) = tried else {\n"
                "    if MUTANT {\n"
                "        let mut closed = VecDeque::new();\n"
                "        while let Some((oldest, next)) = self.segments.oldest_full() {\n"
                "            oldest.flusher.rename_into_place()?;\n"
                "            closed.push_back(NeedsSync::of_this_run(oldest.flusher.path()));\n"
                "            self.segments.keep(&oldest, &next);\n"
                "        }\n"
                "        lock(&self.syncing).unsynced.extend(closed);\n"
                "    }\n"
                "    return Ok(());\n};",
            )
        ],
        orders=5000,
    ),
    Change(
        "segment/spare.rs",
        "`recycled`: the exclusive lock is tried first, then the name is taken away",
        [
            (
                "let name = temporary_name(OsStr::new(TEMPORARY_START), TEMPORARY_END);\n",
                "if MUTANT && file.try_lock().is_err() { return Ok(None); }\n"
                "let name = temporary_name(OsStr::new(TEMPORARY_START), TEMPORARY_END);\n",
            ),
            ("if file.try_lock().is_err() {\n", "if !(MUTANT) && file.try_lock().is_err() {\n"),
        ],
    ),
    Change(
        "segment/spare.rs",
        "`of_retired`: the exclusive lock is not tried",
        [("&& file.try_lock().is_err() {\n", "&& !(MUTANT) && file.try_lock().is_err() {\n")],
    ),
    Change(
        "read/mapped/segment_reader.rs",
        "`open_and_hold`: looks for the name, then takes the shared lock",
        [
            (
                "let is_held = try_hold(&file).map_err(|source| OpenError::io(path, \"lock the file\", source))?;",
                "if MUTANT && is_same_file(path, &file).is_ok_and(|it| it) {\n"
                "    let is_held = try_hold(&file).is_ok_and(|it| it);\n    return Ok((file, is_held));\n}\n"
                "let is_held = try_hold(&file).map_err(|source| OpenError::io(path, \"lock the file\", source))?;",
            )
        ],
    ),
    Change(
        "folder/listing.rs",
        "`Listed::checked`: a file whose name has gone counts as damaged",
        [("if is_gone(&self.path) {", "if !(MUTANT) && is_gone(&self.path) {")],
    ),
    # The end of a recorder with several producers.
    Change(
        "recorder/many/rings.rs",
        "`have_left`: does not wait for the seats",
        [("part.has_left |= !part.seat.is_taken()", "part.has_left |= MUTANT || !part.seat.is_taken()")],
    ),
    Change(
        "recorder/many/rings.rs",
        "`shut`: takes the list of new rings, then shuts the gate",
        [
            (
                "let are_seats_final = self.group.shut();\n        let news = self.group.last_news();",
                "let early = if MUTANT { Some(self.group.last_news()) } else { None };\n"
                "let are_seats_final = self.group.shut();\n"
                "let news = early.unwrap_or_else(|| self.group.last_news());",
            )
        ],
    ),
]
