//! How much memory the machine can still give, on Linux. Elsewhere nothing is known, and nothing is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the system describes itself.
struct Roots {
    /// Processes and the machine.
    proc: PathBuf,
    /// Groups of processes that share limits.
    groups: PathBuf,
}

/// Names of a group's files, which differ between the two versions.
struct Names {
    limit: &'static str,
    used: &'static str,
    /// Prefix of the lines of `memory.stat` that count the group with all groups inside of it.
    prefix: &'static str,
}

const SECOND: Names = Names { limit: "memory.max", used: "memory.current", prefix: "" };
const FIRST: Names = Names { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", prefix: "total_" };

/// Bytes that can be had without pushing anything else out: what the machine has and what the process's groups allow.
pub fn available_bytes() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    Roots { proc: "/proc".into(), groups: "/sys/fs/cgroup".into() }.available()
}

impl Roots {
    fn available(&self) -> Option<u64> {
        let machine = fs::read_to_string(self.proc.join("meminfo")).ok().and_then(|text| of_machine(&text));
        let groups = fs::read_to_string(self.proc.join("self/cgroup")).unwrap_or_default();
        let rooms = groups.lines().flat_map(|line| self.rooms(line));
        machine.into_iter().chain(rooms).min()
    }

    /// What a line such as `0::/user` or `4:memory:/user` leaves room for, in its group and those around it.
    fn rooms(&self, line: &str) -> Vec<u64> {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
        let (root, names) = if controllers.is_empty() {
            (self.groups.clone(), SECOND)
        } else if controllers.split(',').any(|name| name == "memory") {
            (self.groups.join("memory"), FIRST)
        } else {
            return Vec::new();
        };
        let group = Path::new(path.trim_start_matches('/'));
        // Inside of a container the path may be that of the outside; its folders are then not there.
        group.ancestors().filter_map(|group| names.room(&root.join(group))).collect()
    }
}

impl Names {
    /// The limit less what is used; pages of files can be had back.
    fn room(&self, group: &Path) -> Option<u64> {
        let number = |name: &str| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
        // Without a limit there is the word "max", or a number beyond all memory.
        let limit = number(self.limit).filter(|limit| *limit < 1 << 60)?;
        let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let files = ["inactive_file", "active_file"].map(|name| value(&stat, &format!("{}{name}", self.prefix)));
        let files: u64 = files.into_iter().flatten().sum();
        Some(limit.saturating_sub(number(self.used)?.saturating_sub(files)))
    }
}

/// Bytes of `MemAvailable:   20100 kB`.
fn of_machine(meminfo: &str) -> Option<u64> {
    value(meminfo, "MemAvailable:").map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// The number behind a name at the beginning of a line.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '\t']))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn available(files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(folder.path(), name, text);
        }
        Roots { proc: folder.path().join("proc"), groups: folder.path().join("groups") }.available()
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       33554432 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n");

    #[test]
    fn the_machine_is_the_limit_where_groups_have_none() {
        assert_eq!(available(&[]), None);
        assert_eq!(available(&[MEMINFO]), Some(8 * GIB));
        let group = ("proc/self/cgroup", "0::/user/app\n");
        let unlimited = ("groups/user/app/memory.max", "max\n");
        assert_eq!(available(&[MEMINFO, group, unlimited, ("groups/user/app/memory.current", "5\n")]), Some(8 * GIB));
    }

    #[test]
    fn groups_and_those_around_them_limit_and_files_can_be_had_back() {
        let group = ("proc/self/cgroup", "0::/user/app\n");
        let limit = (2 * GIB).to_string();
        let used = (GIB).to_string();
        let outer = [("groups/user/memory.max", limit.as_str()), ("groups/user/memory.current", used.as_str())];
        assert_eq!(available(&[MEMINFO, group, outer[0], outer[1]]), Some(GIB));
        let stat = ("groups/user/memory.stat", "anon 5\ninactive_file 1000\nactive_file 24\nfile 77\n");
        assert_eq!(available(&[MEMINFO, group, outer[0], outer[1], stat]), Some(GIB + 1024));
        // A container sees its own group as the root, under the path of the outside.
        let inside = [("groups/memory.max", "4096"), ("groups/memory.current", "96")];
        assert_eq!(available(&[MEMINFO, ("proc/self/cgroup", "0::/../elsewhere"), inside[0], inside[1]]), Some(4000));
    }

    #[test]
    fn the_first_version_is_read_too() {
        let group = ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/app\n1:cpu:/other\n");
        let limit = ("groups/memory/app/memory.limit_in_bytes", "5000\n");
        let used = ("groups/memory/app/memory.usage_in_bytes", "4000\n");
        let stat =
            ("groups/memory/app/memory.stat", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 10\n");
        assert_eq!(available(&[MEMINFO, group, limit, used, stat]), Some(1110));
        let unlimited = ("groups/memory/app/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(available(&[MEMINFO, group, unlimited, used]), Some(8 * GIB));
    }

    #[test]
    fn nonsense_limits_nothing() {
        let group = ("proc/self/cgroup", "nonsense\n0:\n:::\n0::/app\n");
        assert_eq!(available(&[("proc/meminfo", "MemAvailable: much\n"), group]), None);
        assert_eq!(available(&[MEMINFO, group, ("groups/app/memory.max", "\u{0}")]), Some(8 * GIB));
    }
}
