//! The structure of what is written, box by box.

use mp4_atom::{Atom, Colr, Decode, Mdhd, Moov, Mvhd, Stss};

use super::boxes::{child, children};
use crate::{
    Clip, Frame, FrameRate, Resolution, encode_mp4,
    sps::{Colour, Sps},
};

fn grey(width: u32, height: u32, num_frames: usize, rate: (u32, u32)) -> Vec<u8> {
    let size = Resolution::new(width, height).unwrap();
    let frames = (0..num_frames).map(|index| Frame::filled(size, [index as u8 * 3; 3])).collect();
    encode_mp4(&Clip::new(frames, FrameRate::new(rate.0, rate.1).unwrap()).unwrap()).unwrap()
}

fn follow<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    path.iter().fold(bytes, |bytes, kind| child(bytes, kind).unwrap())
}

#[test]
fn the_index_comes_first_and_is_exact() {
    for (rate, num_frames) in [((24, 1), 33u64), ((30_000, 1001), 45), ((25, 2), 1)] {
        let bytes = grey(32, 32, num_frames as usize, rate);
        let order: Vec<_> = children(&bytes).map(|(kind, _)| kind).collect();
        assert_eq!(order, [b"ftyp", b"moov", b"mdat"]);

        let movie = Mvhd::decode_body(&mut follow(&bytes, &[b"moov", b"mvhd"])).unwrap();
        let media = Mdhd::decode_body(&mut follow(&bytes, &[b"moov", b"trak", b"mdia", b"mdhd"])).unwrap();
        for (duration, timescale) in [(movie.duration, movie.timescale), (media.duration, media.timescale)] {
            // duration / timescale = frames × den / num, without any rounding
            assert_eq!(duration * u64::from(rate.0), num_frames * u64::from(rate.1) * u64::from(timescale));
        }
    }
}

#[test]
fn the_whole_index_decodes_strictly() {
    let bytes = grey(33, 17, 3, (24, 1));
    let index = children(&bytes).find(|(kind, _)| *kind == b"moov").unwrap().1;
    let mut whole = ((index.len() + 8) as u32).to_be_bytes().to_vec();
    whole.extend(b"moov");
    whole.extend(index);
    let index = Moov::decode(&mut &whole[..]).unwrap();
    let track = &index.trak[0];
    assert_eq!((track.tkhd.width.integer(), track.tkhd.height.integer()), (33, 17));
    assert_eq!(
        track.mdia.minf.stbl.stsd.codecs[0].visual().map(|visual| (visual.width, visual.height)),
        Some((34, 18))
    );
}

#[test]
fn colour_is_bt709_limited_in_both_places() {
    const BT709: u8 = 1;
    for (width, height, shown) in [(64, 48, (64, 48)), (33, 17, (34, 18)), (8, 8, (16, 16)), (130, 66, (130, 66))] {
        let bytes = grey(width, height, 2, (24, 1));
        let table = follow(&bytes, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
        let entry = children(&follow(table, &[b"stsd"])[8..]).next().unwrap();
        assert_eq!(entry.0, b"avc1");
        let boxes = &entry.1[78..];
        let colour = Colr::decode_body(&mut follow(boxes, &[b"colr"])).unwrap();
        assert_eq!(colour, Colr::new(1, 1, 1, false).unwrap());

        let config = mp4_atom::Avcc::decode_body(&mut follow(boxes, &[b"avcC"])).unwrap();
        let sps = Sps::parse(&config.sequence_parameter_sets[0]).unwrap();
        let expected = Colour { full_range: false, primaries: BT709, transfer: BT709, matrix: BT709 };
        assert_eq!((sps.colour, sps.chroma_format, sps.bit_depth), (Some(expected), 1, 8));
        // An even size is cropped in the stream itself, and needs no clean aperture.
        assert_eq!((sps.width, sps.height), shown);
        assert_eq!(child(boxes, b"clap").is_some(), shown != (width, height));
    }
}

#[test]
fn keyframes_come_every_second() {
    let bytes = grey(32, 32, 50, (24, 1));
    let table = follow(&bytes, &[b"moov", b"trak", b"mdia", b"minf", b"stbl"]);
    assert_eq!(Stss::decode_body(&mut follow(table, &[b"stss"])).unwrap().entries, [1, 25, 49]);
}
