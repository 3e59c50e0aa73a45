#!/usr/bin/env node
// Reads what ringlog writes, without a library: a file or a folder; or, with an option, one of the other files.
//
//     node reader.mjs LOG              records, one JSON object a line
//     node reader.mjs --cursors LOG    how far each reader of a log's folder has come: one JSON object
//     node reader.mjs --index FILE     an index: one JSON object
//     node reader.mjs --ring DUMP      the unread events of a ring at the start of a dump of memory, a line each
//     node reader.mjs --frames FILE    what a device has sent over a serial line, a line for each record and each loss
//
// Written from docs/format.md alone, as a check of that document. Exit code: 0 all read; 1 damage; 3 a torn end; 2 usage. Damage is
// reported on stderr as `FILE: offset N: text`.
import { closeSync, fstatSync, openSync, readFileSync, readSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

const HEADER = 64;
const CHECKSUMS = 0x2, STREAM = 0x4, SEALED = 0x8, KNOWN_FLAGS = 0xff0f;
const ABOUT_LOG = 0x02, META = 0x10, GAP = 0x20, CHECKSUMMED = 0x40, COMMITTED = 0x80;
const MOST = 1n << 62n;

class Damage extends Error {
  constructor(path, offset, text, isTear = false) {
    super(`${path}: offset ${offset}: ${text}`);
    this.isTear = isTear;
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

function crc32c(...parts) {
  let crc = 0xffffffff;
  for (const part of parts) for (const byte of part) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function word32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

// Numbers of 64 bits are BigInt, and plain numbers in JSON.
const toJson = (value) => JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `#${part}` : part)).replace(/"#(-?\d+)"/g, "$1");

const isFilledWith = (bytes, value) => bytes.every((byte) => byte === value);

// The header of a file, in the order of checks of the document.
function readHeader(path, bytes, fileBytes) {
  const refuse = (offset, text) => { throw new Damage(path, offset, text); };
  if (bytes.length < HEADER) refuse(bytes.length, "no room for a header");
  if (bytes.toString("latin1", 0, 4) !== "EVTL") refuse(0, "no log file");
  if (bytes.readUInt32LE(4) !== 1) refuse(4, "another version");
  const flags = bytes.readUInt32LE(56);
  const salt = crc32c(bytes.subarray(0, 16), bytes.subarray(40, 56), word32(flags & 0xff06));
  if (salt !== bytes.readUInt32LE(60)) refuse(60, "checksum of the header");
  const header = {
    salt, flags,
    eventCount: bytes.readBigUInt64LE(16), writeOffset: bytes.readBigUInt64LE(24), syncedOffset: bytes.readBigUInt64LE(32),
    baseSequence: bytes.readBigUInt64LE(40), basePosition: bytes.readBigUInt64LE(48),
  };
  if (header.baseSequence > MOST) refuse(40, "base_sequence");
  if (header.basePosition > MOST || header.basePosition % 8n) refuse(48, "base_position");
  if ((flags & ~KNOWN_FLAGS) !== 0) refuse(56, "unknown flags");
  if (header.writeOffset < 64n || header.writeOffset % 8n) refuse(24, "write_offset");
  if (header.syncedOffset < 64n || header.syncedOffset % 8n) refuse(32, "synced_offset");
  if (!(flags & STREAM) && header.writeOffset > BigInt(fileBytes)) refuse(24, "the file was cut short");
  return header;
}

function headerOf(path) {
  const file = openSync(path, "r");
  const bytes = Buffer.alloc(HEADER);
  const length = readSync(file, bytes, 0, HEADER, 0);
  const fileBytes = fstatSync(file).size;
  closeSync(file);
  return readHeader(path, bytes.subarray(0, length), fileBytes);
}

function gapOf(payload) {
  const reason = payload.readUInt32LE(8);
  return { count: payload.readBigUInt64LE(0), reason: reason % 2 ** 31, log_side: reason >= 2 ** 31, extent_bytes: payload.readUInt32LE(12) * 8 };
}

// A record at an offset of the bytes that are part of the file, in the order of checks of the document.
function recordAt(bytes, offset, header, isInPreamble, refuse) {
  const left = bytes.length - offset;
  if (left < 16) refuse("no room for a record");
  const flags = bytes[offset + 9], length = bytes.readUInt16LE(offset + 10);
  if (!(flags & COMMITTED)) refuse("no committed record");
  if (flags & META && flags & GAP) refuse("META and GAP");
  if (flags & META && !isInPreamble) refuse("META after the preamble");
  if (flags & GAP && length !== 16) refuse("a GAP of another length");
  const stride = Math.floor((16 + length + 7) / 8) * 8;
  if (stride > left) refuse("a record that is too long");
  const payload = bytes.subarray(offset + 16, offset + 16 + length);
  if (!isFilledWith(bytes.subarray(offset + 16 + length, offset + stride), 0)) refuse("padding is not zero");
  if (!(flags & CHECKSUMMED) !== !(header.flags & CHECKSUMS)) refuse("checksums or not");
  if (flags & CHECKSUMMED) {
    const place = word32(header.salt ^ Math.floor(offset / 8));
    if (crc32c(bytes.subarray(offset, offset + 12), place, payload) !== bytes.readUInt32LE(offset + 12)) refuse("checksum");
  }
  return { timestamp: bytes.readBigUInt64LE(offset), type: bytes[offset + 8], flags, payload, stride };
}

function shown(sequence, record) {
  if (record.flags & META) {
    return { sequence, meta: record.flags & ABOUT_LOG ? "log" : record.type, payload: record.payload.toString("hex") };
  }
  if (record.flags & GAP) return { sequence, timestamp: record.timestamp, gap: gapOf(record.payload) };
  return { sequence, timestamp: record.timestamp, type: record.type, flags: record.flags & 0x0f, payload: record.payload.toString("hex") };
}

// Gives out the records of a file below a position, if there is one; returns the sequence after the last.
function readFile(path, nextPosition, give) {
  const all = readFileSync(path);
  const header = readHeader(path, all, all.length);
  const isStream = (header.flags & STREAM) !== 0, isSealed = !isStream && (header.flags & SEALED) !== 0;
  const bytes = isStream ? all : all.subarray(0, Number(header.writeOffset));
  let offset = HEADER, preamble = 0, sequence = header.baseSequence, isInPreamble = true;
  while (offset < bytes.length) {
    const next = bytes.subarray(offset, offset + 16);
    if (isStream && (isFilledWith(next, 0) || isFilledWith(next, 0xff))) break;
    const isTear = !isStream && !isSealed && BigInt(offset) >= header.syncedOffset;
    const record = recordAt(bytes, offset, header, isInPreamble, (text) => { throw new Damage(path, offset, text, isTear); });
    isInPreamble &&= (record.flags & META) !== 0 || ((record.flags & GAP) !== 0 && gapOf(record.payload).log_side);
    if (isInPreamble) preamble += record.stride;
    else if (nextPosition !== undefined && header.basePosition + BigInt(offset - HEADER - preamble) >= nextPosition) return sequence;
    give(shown(sequence, record));
    offset += record.stride;
    sequence += 1n;
  }
  if (isSealed && sequence - header.baseSequence !== header.eventCount) throw new Damage(path, 16, "event_count");
  return sequence;
}

// The sequence in the line `end` of the file `writer`, if it says anything.
function recordedEnd(folder) {
  let bytes;
  try {
    bytes = readFileSync(join(folder, "writer"));
  } catch {
    return undefined;
  }
  const text = bytes.toString("latin1"), at = text.search(/^checksum: [0-9a-f]{8}\n/m);
  if (at < 0 || parseInt(text.slice(at + 10, at + 18), 16) !== crc32c(bytes.subarray(0, at))) return undefined;
  const end = text.slice(0, at).match(/^end: (\d+) \d+$/m);
  return end ? BigInt(end[1]) : undefined;
}

function readFolder(folder, give) {
  const end = recordedEnd(folder); // Before the list: a log only grows.
  const listed = readdirSync(folder).sort();
  for (const name of listed) {
    const ending = name.match(/^[0-9]{20}\.evtl\.([^.]*)/);
    if (ending && !(/^[0-9]+$/.test(ending[1]) && Number(ending[1]) < 2 ** 32)) {
      throw new Damage(join(folder, name), 0, "a segment that was compressed or renamed");
    }
  }
  const names = listed.filter((name) => /^[0-9]{20}\.evtl$/.test(name));
  const startsWithZeros = (name) => isFilledWith(readFileSync(join(folder, name)).subarray(0, HEADER), 0);
  if (names.length && end !== undefined && BigInt(names.at(-1).slice(0, 20)) >= end && startsWithZeros(names.at(-1))) names.pop();
  if (!names.length && !end) throw new Damage(folder, 0, "no segments");
  let expected;
  for (const [index, name] of names.entries()) {
    const path = join(folder, name), header = headerOf(path);
    if (header.baseSequence !== BigInt(name.slice(0, 20)) || header.baseSequence !== (expected ?? header.baseSequence)) {
      throw new Damage(path, 40, "base_sequence is not the name, or does not continue");
    }
    let nextPosition;
    try {
      nextPosition = index + 1 < names.length ? headerOf(join(folder, names[index + 1])).basePosition : undefined;
    } catch (error) {
      if (!(error instanceof Damage)) throw error; // Else it is reported in its turn.
    }
    expected = readFile(path, nextPosition, give);
  }
  if (end !== undefined && (expected ?? 0n) < end) {
    throw new Damage(join(folder, `${String(expected ?? 0n).padStart(20, "0")}.evtl`), 0, "missing: the log was closed after it");
  }
}

function slotOf(bytes) {
  const slot = { generation: bytes.readBigUInt64LE(8), next: bytes.readBigUInt64LE(16) };
  const isValid = bytes.toString("latin1", 0, 4) === "EVTC" && bytes.readUInt32LE(4) === 1 && slot.generation <= MOST &&
    slot.next <= MOST && crc32c(bytes.subarray(0, 60)) === bytes.readUInt32LE(60);
  return isValid ? slot : undefined;
}

function readCursors(folder) {
  const found = {};
  for (const name of readdirSync(join(folder, "cursors"))) {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(name)) continue;
    const bytes = readFileSync(join(folder, "cursors", name));
    const slots = bytes.length === 8192 ? [0, 4096].map((at) => slotOf(bytes.subarray(at, at + 64))).filter(Boolean) : [];
    found[name] = slots.length ? slots.reduce((one, other) => (other.generation > one.generation ? other : one)).next : null;
  }
  return found;
}

function readIndex(path) {
  const bytes = readFileSync(path), count = Number(bytes.readBigUInt64LE(40)), table = bytes.subarray(64, 64 + count * 24);
  if (bytes.toString("latin1", 0, 4) !== "EVTX" || bytes.readUInt32LE(4) !== 1) throw new Damage(path, 0, "no index of version 1");
  if (crc32c(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) throw new Damage(path, 60, "header_checksum");
  if (table.length !== count * 24 || crc32c(table) !== bytes.readUInt32LE(12)) throw new Damage(path, 12, "entries_checksum");
  const entries = Array.from({ length: count }, (_, entry) => [0, 8, 16].map((at) => table.readBigUInt64LE(entry * 24 + at)));
  return { salt: bytes.readUInt32LE(8), end_offset: bytes.readBigUInt64LE(16), entries };
}

// By the bytes of a word: the magic, and where head, tail and data are.
const rings = [[8, 0x52494e474c4f4731n, 128, 256, 384], [4, 0x524c4731n, 32, 56, 64], [2, 0x5231n, 24, 40, 48]];

function readRing(path, give) {
  const bytes = readFileSync(path);
  const wordOf = (size, isBig) => (at) => {
    const word = Buffer.from(bytes.subarray(at, at + size));
    return BigInt(`0x${(isBig ? word : word.reverse()).toString("hex") || 0}`);
  };
  const kinds = rings.flatMap((ring) => [false, true].map((isBig) => ({ ring, word: wordOf(ring[0], isBig) })));
  const kind = kinds.find(({ ring, word }) => bytes.length >= ring[4] && word(0) === ring[1]);
  if (!kind) throw new Damage(path, 0, "no ring");
  const { ring: [size, , headAt, tailAt, dataAt], word } = kind;
  const version = Number(word(size) & 0xffn), bits = 8 * size;
  if (version !== 1 && !(version === 2 && size === 8)) throw new Damage(path, size, "another layout");
  const capacity = word(2 * size), overrun = word(3 * size), head = word(headAt), tail = word(tailAt);
  const isPower = capacity > 0n && (capacity & (capacity - 1n)) === 0n;
  if (!isPower || BigInt(dataAt) + capacity + overrun > BigInt(bytes.length)) throw new Damage(path, 2 * size, "capacity");
  const unread = BigInt.asUintN(bits, head - tail);
  if (unread > capacity || head % 8n || tail % 8n) throw new Damage(path, headAt, "head and tail");
  for (let at = 0n; at < unread;) {
    const start = dataAt + Number(BigInt.asUintN(bits, tail + at) & (capacity - 1n));
    const refuse = (text) => { throw new Damage(path, start, text); };
    const room = bytes.subarray(start, start + Number(unread - at));
    // Bit 6 is clear, as in a file without checksums.
    const record = recordAt(room, 0, { flags: 0 }, false, refuse);
    const { sequence, ...event } = shown(0, record);
    give(event);
    at += BigInt(record.stride);
  }
}

// The bytes of a frame without its delimiter; undefined if they are none.
function unstuffed(bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length;) {
    const code = bytes[at], end = at + code;
    if (end > bytes.length) return undefined;
    pieces.push(bytes.subarray(at + 1, end));
    if (code !== 255 && end < bytes.length) pieces.push(Buffer.from([0]));
    at = end;
  }
  return Buffer.concat(pieces);
}

function frameOf(bytes) {
  const frame = unstuffed(bytes);
  if (!frame || frame.length < 10) return undefined;
  const end = frame.length - 4;
  if (crc32c(frame.subarray(0, end)) !== frame.readUInt32LE(end)) return undefined;
  return { version: frame[0] >> 4, kind: frame[0] & 15, life: frame[1], number: frame.readUInt32LE(2), body: frame.subarray(6, end) };
}

function readFrames(path, give) {
  const bytes = readFileSync(path);
  const lost = (count, reason) => give({ gap: { count, reason } });
  let expected = 0, life, header, end;
  // What comes after the last delimiter is no frame yet.
  for (let at = 0; (end = bytes.indexOf(0, at)) >= 0; at = end + 1) {
    const frame = frameOf(bytes.subarray(at, end));
    if (!frame) continue; // Noise, or text of other code.
    if (frame.version !== 1) throw new Damage(path, at, `a frame of version ${frame.version}`);
    const missing = (frame.number - expected) >>> 0;
    const isOtherHeader = frame.kind === 1 && header !== undefined && !frame.body.equals(header);
    if (life !== undefined && (frame.life !== life || isOtherHeader || missing >= 2 ** 31)) {
      header = undefined;
      lost(0, 10);
      if (frame.number) lost(frame.number, 9);
    } else if (missing) lost(missing, 9);
    life = frame.life;
    expected = frame.number;
    if (frame.kind === 1) header = Buffer.from(frame.body);
    if (frame.kind === 2) {
      const isAboutLog = (frame.body[1] & ABOUT_LOG) !== 0;
      give({ meta: isAboutLog ? "log" : frame.body[0], payload: frame.body.subarray(2).toString("hex") });
    }
    if (frame.kind < 8) continue;
    expected = (frame.number + 1) >>> 0;
    if (frame.kind !== 8 || frame.body.length < 10) lost(1, 7);
    else readFrame(frame.body, give);
  }
}

function readFrame(body, give) {
  const flags = body[9], payload = body.subarray(10);
  if (flags & GAP) {
    const { count, reason } = gapOf(payload);
    give({ gap: { count, reason } });
  } else give({ timestamp: body.readBigUInt64LE(0), type: body[8], flags: flags & 0x0f, payload: payload.toString("hex") });
}

function main(options) {
  const give = (value) => process.stdout.write(toJson(value) + "\n");
  const [option, path] = options.length === 2 ? options : [undefined, options[0]];
  try {
    if (path === undefined || options.length > 2) return 2;
    if (option === "--cursors") give(readCursors(path));
    else if (option === "--index") give(readIndex(path));
    else if (option === "--ring") readRing(path, give);
    else if (option === "--frames") readFrames(path, give);
    else if (option !== undefined) return 2;
    else if (statSync(path).isDirectory()) readFolder(path, give);
    else readFile(path, undefined, give);
    return 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return error.isTear ? 3 : 1;
  }
}

process.exitCode = main(process.argv.slice(2));
if (process.exitCode === 2) process.stderr.write(`usage: ${basename(process.argv[1])} [--cursors | --index | --ring | --frames] PATH\n`);
