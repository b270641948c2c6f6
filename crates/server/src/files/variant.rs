//! What is made for a job, and what it is called.

const MADE: &str = "made-";

/// What can be fetched of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The video itself.
    Video,
    /// One picture.
    Thumbnail,
    /// Several pictures in one.
    Spritesheet,
}

impl Variant {
    pub(crate) const ALL: [Self; 3] = [Self::Video, Self::Thumbnail, Self::Spritesheet];

    /// As the API says it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "video" => Self::Video,
            "thumbnail" => Self::Thumbnail,
            "spritesheet" => Self::Spritesheet,
            _ => return None,
        })
    }

    pub(crate) fn file_name(self, attempt: u32) -> String {
        match self {
            Self::Video => format!("{MADE}{attempt}.mp4"),
            Self::Thumbnail => format!("{MADE}{attempt}-thumbnail.jpg"),
            Self::Spritesheet => format!("{MADE}{attempt}-spritesheet.jpg"),
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Video => "video/mp4",
            Self::Thumbnail | Self::Spritesheet => "image/jpeg",
        }
    }
}

/// Which attempt made a file of this name.
pub(super) fn attempt_of(name: &str) -> Option<u32> {
    let rest = name.strip_prefix(MADE)?;
    rest[..rest.find(|letter: char| !letter.is_ascii_digit())?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_known_by_their_files() {
        for (name, attempt) in [
            ("made-3.mp4", Some(3)),
            ("made-31-thumbnail.jpg", Some(31)),
            ("made-x.mp4", None),
            ("input-3", None),
            ("made-3", None),
        ] {
            assert_eq!(attempt_of(name), attempt, "{name}");
        }
    }
}
