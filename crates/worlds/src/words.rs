//! The words for each label, in English and in Chinese: one table for captions, prompts and evaluation.
//!
//! The first word of a list is the plain one; the others say the same.

use crate::{
    plan::{CameraMove, Motion},
    stage::{Colour, Daytime, Look, Material, Place, Shape, Weather},
};

/// What a label is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// In English.
    pub en: &'static [&'static str],
    /// In Chinese.
    pub zh: &'static [&'static str],
}

const fn words(en: &'static [&'static str], zh: &'static [&'static str]) -> Words {
    Words { en, zh }
}

impl Colour {
    /// Adjectives.
    pub const fn words(self) -> Words {
        match self {
            Self::Red => words(&["red"], &["红色"]),
            Self::Orange => words(&["orange"], &["橙色"]),
            Self::Yellow => words(&["yellow"], &["黄色"]),
            Self::Green => words(&["green"], &["绿色"]),
            Self::Blue => words(&["blue"], &["蓝色"]),
            Self::Purple => words(&["purple"], &["紫色"]),
            Self::White => words(&["white"], &["白色"]),
            Self::Black => words(&["black"], &["黑色"]),
        }
    }
}

impl Shape {
    /// Nouns.
    pub const fn words(self) -> Words {
        match self {
            Self::Ball => words(&["ball", "sphere"], &["球", "圆球"]),
            Self::Cube => words(&["cube", "box", "block"], &["立方体", "方块"]),
            Self::Cylinder => words(&["cylinder", "drum"], &["圆柱", "圆柱体"]),
            Self::Cone => words(&["cone"], &["圆锥", "锥体"]),
            Self::Ring => words(&["ring", "hoop", "donut"], &["圆环", "环状体"]),
        }
    }
}

impl Material {
    /// Adjectives.
    pub const fn words(self) -> Words {
        match self {
            Self::Matte => words(&["matte", "dull"], &["哑光", "无光泽"]),
            Self::Glossy => words(&["shiny", "glossy"], &["光滑", "光亮"]),
            Self::Metal => words(&["metal", "metallic", "chrome"], &["金属", "镜面金属"]),
            Self::Striped => words(&["striped"], &["条纹", "带条纹"]),
        }
    }
}

impl Place {
    /// Where something stands or hovers.
    pub const fn words(self) -> Words {
        match self {
            Self::Grass => words(&["on the grass", "in a meadow", "on a lawn"], &["草地上", "草坪上", "草原上"]),
            Self::Sand => words(&["on the sand", "in the desert", "on a sandy plain"], &["沙地上", "沙漠里", "沙滩上"]),
            Self::Tiles => words(
                &["on the tiles", "on a tiled floor", "on a chequered floor"],
                &["瓷砖地上", "方格地砖上", "格子地面上"],
            ),
            Self::Snow => {
                words(&["in the snow", "on a snowy field", "on a field of snow"], &["雪地上", "雪地里", "积雪的原野上"])
            }
            Self::Room => words(&["in a room", "indoors", "on a wooden floor"], &["房间里", "室内", "木地板上"]),
            Self::Sea => words(&["on the sea", "on the water", "out at sea"], &["海面上", "大海上", "水面上"]),
        }
    }

    /// Where something moves over the ground.
    pub const fn across(self) -> Words {
        match self {
            Self::Grass => words(&["across the grass", "over the meadow", "across the lawn"], &["草地上", "草坪上"]),
            Self::Sand => words(&["across the sand", "through the desert", "over the sand"], &["沙地上", "沙漠里"]),
            Self::Tiles => words(
                &["across the tiles", "over the tiled floor", "across the chequered floor"],
                &["瓷砖地上", "格子地面上"],
            ),
            Self::Snow => {
                words(&["across the snow", "over the snowy field", "through the snow"], &["雪地上", "雪地里"])
            }
            Self::Room => {
                words(&["across the room", "over the wooden floor", "through the room"], &["房间里", "木地板上"])
            }
            Self::Sea => words(&["across the sea", "over the water"], &["海面上", "水面上"]),
        }
    }

    /// Where something flies.
    pub const fn above(self) -> Words {
        match self {
            Self::Grass => words(&["over the grass", "above the meadow"], &["草地上空", "草坪上空"]),
            Self::Sand => words(&["over the sand", "above the desert"], &["沙地上空", "沙漠上空"]),
            Self::Tiles => words(&["over the tiles", "above the tiled floor"], &["瓷砖地上空", "格子地面上空"]),
            Self::Snow => words(&["over the snow", "above the snowy field"], &["雪地上空"]),
            Self::Room => words(&["in a room", "indoors"], &["房间里", "室内"]),
            Self::Sea => words(&["over the sea", "over the water"], &["海面上空", "水面上空"]),
        }
    }

    /// What something rises from.
    pub const fn off(self) -> Words {
        match self {
            Self::Grass => words(&["from the grass", "off the lawn"], &["草地上", "草坪上"]),
            Self::Sand => words(&["from the sand", "off the sand"], &["沙地上", "沙漠里"]),
            Self::Tiles => words(&["from the tiles", "off the tiled floor"], &["瓷砖地上", "格子地面上"]),
            Self::Snow => words(&["from the snow", "out of the snow"], &["雪地里", "雪地上"]),
            Self::Room => words(&["from the floor of a room", "off the wooden floor"], &["房间的地板上", "木地板上"]),
            Self::Sea => words(&["from the sea", "out of the water"], &["海面上", "水面上"]),
        }
    }

    /// What something comes down on.
    pub const fn onto(self) -> Words {
        match self {
            Self::Grass => words(&["onto the grass", "to the grass"], &["草地上", "草坪上"]),
            Self::Sand => words(&["onto the sand", "into the sand"], &["沙地上"]),
            Self::Tiles => words(&["onto the tiles", "onto the tiled floor"], &["瓷砖地上", "格子地面上"]),
            Self::Snow => words(&["into the snow", "onto the snow"], &["雪地里", "雪地上"]),
            Self::Room => words(&["onto the wooden floor", "to the floor of a room"], &["房间的地板上", "木地板上"]),
            Self::Sea => words(&["into the sea", "into the water"], &["海里", "水里"]),
        }
    }
}

impl Daytime {
    /// When.
    pub const fn words(self) -> Words {
        match self {
            Self::Morning => words(&["in the morning", "in the early morning"], &["早晨", "清晨"]),
            Self::Noon => words(&["at noon", "at midday"], &["中午", "正午"]),
            Self::Sunset => words(&["at sunset", "in the evening light"], &["日落时分", "傍晚"]),
            Self::Night => words(&["at night", "by moonlight"], &["夜里", "夜晚"]),
        }
    }
}

impl Weather {
    /// In what weather; nothing is said of a clear sky in short.
    pub const fn words(self) -> Words {
        match self {
            Self::Clear => words(&["in clear weather", "under a clear sky"], &["晴天", "晴朗的天气里"]),
            Self::Rain => words(&["in the rain", "while it rains"], &["雨中", "下雨时"]),
            Self::Snow => words(&["in falling snow", "while it snows"], &["下雪时", "飘雪中"]),
        }
    }
}

impl Look {
    /// What kind of picture it is.
    pub const fn words(self) -> Words {
        match self {
            Self::Natural => words(&["a realistic video", "a photorealistic shot"], &["写实视频", "真实感画面"]),
            Self::Cartoon => words(&["a cartoon", "a flat cartoon animation"], &["卡通动画", "卡通画"]),
            Self::Pencil => words(&["a pencil drawing", "a pencil sketch"], &["铅笔画", "铅笔素描"]),
            Self::Voxel => words(&["a voxel animation", "a voxel-style video"], &["体素动画", "体素风格"]),
        }
    }
}

impl CameraMove {
    /// What the camera does, as a sentence.
    pub const fn words(self) -> Words {
        match self {
            Self::Still => words(
                &["the camera stays still", "the camera does not move", "a static shot"],
                &["镜头不动", "固定镜头"],
            ),
            Self::PanLeft => {
                words(&["the camera pans left", "the camera pans to the left"], &["镜头向左摇", "镜头向左摇动"])
            }
            Self::PanRight => {
                words(&["the camera pans right", "the camera pans to the right"], &["镜头向右摇", "镜头向右摇动"])
            }
            Self::TiltUp => words(&["the camera tilts up", "the camera tilts upwards"], &["镜头向上仰", "镜头上摇"]),
            Self::TiltDown => {
                words(&["the camera tilts down", "the camera tilts downwards"], &["镜头向下俯", "镜头下摇"])
            }
            Self::DollyIn => words(
                &["the camera moves closer", "the camera dollies in", "the camera moves forward"],
                &["镜头推近", "镜头向前推进"],
            ),
            Self::DollyOut => words(
                &["the camera moves away", "the camera dollies out", "the camera pulls back"],
                &["镜头拉远", "镜头向后拉"],
            ),
            Self::OrbitLeft => {
                words(&["the camera orbits to the left", "the camera circles left"], &["镜头向左环绕", "镜头绕向左侧"])
            }
            Self::OrbitRight => words(
                &["the camera orbits to the right", "the camera circles right"],
                &["镜头向右环绕", "镜头绕向右侧"],
            ),
            Self::Follow => {
                words(&["the camera follows it", "the camera follows along"], &["镜头跟随它移动", "镜头跟拍"])
            }
        }
    }
}

impl Motion {
    /// What the object does, as a verb in the third person; a place or a partner may follow it.
    pub const fn words(self) -> Words {
        match self {
            Self::Roll => words(&["rolls", "is rolling"], &["滚动", "滚过"]),
            Self::Bounce => words(&["bounces", "is bouncing", "bounces up and down"], &["弹跳", "蹦跳"]),
            Self::Fall => words(&["falls", "drops", "falls down"], &["掉落", "落下"]),
            Self::Slide => words(&["slides", "is sliding"], &["滑动", "滑行"]),
            Self::Collide => words(&["hits", "collides with", "crashes into"], &["撞上", "撞向"]),
            Self::Topple => words(&["topples over", "tips over", "topples"], &["翻倒", "倾倒"]),
            Self::RollBehind => words(&["rolls behind", "passes behind"], &["从后面滚过", "滚到后面"]),
            Self::Orbit => words(&["flies in a circle", "flies in circles"], &["绕圈飞行", "飞着转圈"]),
            Self::Spin => words(&["spins", "spins on the spot", "is turning around"], &["旋转", "原地旋转"]),
            Self::FloatUp => words(&["floats up", "rises", "floats upwards"], &["向上飘起", "升起"]),
            Self::Rest => words(&["stands still", "rests", "stays in place"], &["静止不动", "一动不动"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_values_share_a_word() {
        let mut seen = Vec::new();
        let lists = [
            Colour::ALL.iter().map(|value| value.words()).collect::<Vec<_>>(),
            Shape::ALL.iter().map(|value| value.words()).collect(),
            Material::ALL.iter().map(|value| value.words()).collect(),
            Place::ALL.iter().map(|value| value.words()).collect(),
            Daytime::ALL.iter().map(|value| value.words()).collect(),
            Weather::ALL.iter().map(|value| value.words()).collect(),
            Look::ALL.iter().map(|value| value.words()).collect(),
            CameraMove::ALL.iter().map(|value| value.words()).collect(),
            Motion::ALL.iter().map(|value| value.words()).collect(),
        ];
        for words in lists.iter().flatten() {
            assert!(!words.en.is_empty() && !words.zh.is_empty());
            for word in words.en.iter().chain(words.zh) {
                assert!(!seen.contains(word), "{word}");
                seen.push(word);
            }
        }
    }
}
