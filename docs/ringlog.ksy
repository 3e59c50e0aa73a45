meta:
  id: ringlog
  title: Log file of ringlog, version 1
  file-extension: evtl
  license: MIT
  endian: le
doc: |
  One file of a log: a header of 64 bytes, then records. A log is a folder of such files.
  Checksums are not checked here: Kaitai Struct has no CRC-32C. The preamble, positions and folders are described
  in the document, and so is what a reader must check.
doc-ref: docs/format.md
seq:
  - id: header
    type: header
  - id: published
    size: header.write_offset - 64
    type: records
    if: not header.is_stream
    doc: The bytes after write_offset are not part of the log.
  - id: streamed
    type: stream_item
    repeat: until
    repeat-until: _io.eof or _.is_end
    if: header.is_stream and not _io.eof
types:
  header:
    seq:
      - id: magic
        contents: EVTL
      - id: version
        type: u4
        valid: 1
      - id: created_at
        type: s8
        doc: Nanoseconds since 1970-01-01 00:00 UTC.
      - id: event_count
        type: u8
      - id: write_offset
        type: u8
        valid:
          min: 64
      - id: synced_offset
        type: u8
        valid:
          min: 64
      - id: base_sequence
        type: u8
        valid:
          expr: _ <= 0x4000000000000000
      - id: base_position
        type: u8
        valid:
          expr: _ <= 0x4000000000000000
      - id: flags
        type: u4
        valid:
          expr: (_ & ~0xff0f) == 0
      - id: header_checksum
        type: u4
        doc: CRC-32C; also the salt of the place words.
    instances:
      is_clean:
        value: (flags & 1) != 0
      has_checksums:
        value: (flags & 2) != 0
      is_stream:
        value: (flags & 4) != 0
      is_sealed:
        value: (flags & 8) != 0
      clock:
        value: (flags >> 8) & 0xff
        enum: clock
  records:
    seq:
      - id: records
        type: record
        repeat: eos
  record:
    seq:
      - id: timestamp
        type: u8
      - id: event_type
        type: u1
      - id: flags
        type: u1
      - id: len_payload
        type: u2
      - id: checksum
        type: u4
      - id: payload
        size: len_payload
        if: is_valid and not is_gap
      - id: gap
        type: gap
        size: len_payload
        if: is_valid and is_gap
      - id: padding
        size: (8 - len_payload % 8) % 8
        if: is_valid
    instances:
      user_flags:
        value: flags & 0x0f
      is_meta:
        value: (flags & 0x10) != 0
      is_gap:
        value: (flags & 0x20) != 0
      is_valid:
        value: (flags & 0x80) != 0 and (flags & 0x30) != 0x30
        doc: If not, a STREAM file may end here; in another file it is damage.
  stream_item:
    seq:
      - id: record
        type: record
        if: _io.size - _io.pos >= 16
      - id: rest
        size-eos: true
        if: _io.size - _io.pos < 16 and not _io.eof
    instances:
      is_end:
        value: _io.eof or not record.is_valid
  gap:
    seq:
      - id: count
        type: u8
        doc: 0 if nobody can know.
      - id: reason_and_side
        type: u4
      - id: extent
        type: u4
        doc: Bytes that are missing, divided by 8.
    instances:
      reason:
        value: reason_and_side & 0x7fffffff
        enum: reason
      is_of_log_side:
        value: reason_and_side >= 0x80000000
enums:
  clock:
    0: unspecified
    1: unix_nanoseconds
    2: monotonic_nanoseconds
    3: ticks
  reason:
    1: ring_full
    2: disk_full
    3: recovery_cut
    4: reader_overrun
    5: too_long
    6: receiver_full
    7: not_readable
    8: recorder_ended
    9: lost_on_the_wire
    10: device_reset
