//! Finds frames in any bytes, in pieces of any length and with a buffer of any length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringlog_nostd::frame::{Chunk, FrameDecoder, MAX_FRAME_LEN};

fuzz_target!(|input: &[u8]| {
    let Some((&[piece, short], bytes)) = input.split_first_chunk() else { return };
    let all = chunks(bytes, MAX_FRAME_LEN, usize::MAX);
    assert_eq!(all, chunks(bytes, MAX_FRAME_LEN, usize::from(piece).max(1)), "pieces make no difference");
    // With a short buffer, the frames that fit are the same.
    let fitting = chunks(bytes, usize::from(short), usize::MAX);
    assert!(fitting.iter().flatten().all(|frame| all.contains(&Some(frame.clone()))));
    assert_eq!(fitting.len(), all.len());
});

/// What is found: the bytes of each frame when it is written again, or nothing.
fn chunks(bytes: &[u8], buffer: usize, piece: usize) -> Vec<Option<Vec<u8>>> {
    let mut buffer = vec![0; buffer];
    let mut decoder = FrameDecoder::new(&mut buffer);
    let mut found = Vec::new();
    let mut total = 0;
    for mut piece in bytes.chunks(piece.min(bytes.len().max(1))) {
        while !piece.is_empty() {
            let (taken, chunk) = decoder.push(piece);
            assert!(taken > 0 && taken <= piece.len());
            piece = &piece[taken..];
            total += taken;
            found.extend(chunk.map(|chunk| note(&chunk)));
        }
    }
    assert_eq!(total, bytes.len());
    found.extend(decoder.finish().map(|chunk| note(&chunk)));
    found
}

fn note(chunk: &Chunk<'_>) -> Option<Vec<u8>> {
    match chunk {
        Chunk::Frame(frame) => Some(frame.bytes().collect()),
        _ => None,
    }
}
