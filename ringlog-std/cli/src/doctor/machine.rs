//! The kernel, the processors, the clock, the memory, the limits of this process.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::doctor::{Finding, Grade};
use crate::terminal::words::size;

/// Open files that a log with many segments and readers takes at most.
const FILES: u64 = 1024;
/// Linux has had `RWF_DONTCACHE`, which `--uncached` needs, since then.
const UNCACHED_SINCE: (u32, u32) = (6, 14);
/// The oldest kernel that the tests were run on is far newer; `renameat2` and `fallocate` are older than this.
const OLDEST: (u32, u32) = (4, 14);
/// A share of the memory that may wait for the disk: more makes the kernel's own flushes long.
const DIRTY_PERCENT: u64 = 10;

/// Looks at all of it. `root` is `/`, or a copy of some files of `/proc` and `/sys`.
pub(crate) fn findings(root: &Path) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok().map(|text| text.trim().to_owned());
    let found = [
        kernel(read("proc/sys/kernel/osrelease")),
        processors(std::thread::available_parallelism().ok().map(usize::from)),
        quota(read("sys/fs/cgroup/cpu.max")),
        governor(read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        clock(read("sys/devices/system/clocksource/clocksource0/current_clocksource"), read("proc/cpuinfo")),
        synchronised(root),
        dirty(read("proc/sys/vm/dirty_bytes"), read("proc/sys/vm/dirty_ratio"), read("proc/meminfo")),
        maps(read("proc/sys/vm/max_map_count")),
        open_files(getrlimit(Resource::Nofile).current),
        file_size(getrlimit(Resource::Fsize).current),
    ];
    found.into_iter().flatten().collect()
}

fn kernel(release: Option<String>) -> Option<Finding> {
    let release = release?;
    let mut parts = release.split(['.', '-']).map(|part| part.parse().ok());
    let version: (u32, u32) = (parts.next()??, parts.next()??);
    Some(if version < OLDEST {
        Finding::new(
            "kernel",
            Grade::Risk,
            format!("Linux {release} is older than what ringlog is made for; update it"),
        )
    } else if version < UNCACHED_SINCE {
        Finding::fine("kernel", format!("Linux {release}; --uncached needs 6.14"))
    } else {
        Finding::fine("kernel", format!("Linux {release}"))
    })
}

fn processors(count: Option<usize>) -> Option<Finding> {
    Some(match count? {
        1 => Finding::new(
            "processors",
            Grade::Slow,
            "1: producer and recorder take turns, and a ring fills meanwhile; use a larger --ring-size",
        ),
        count => Finding::fine("processors", format!("{count} for this process")),
    })
}

/// `MAX PERIOD` in microseconds; `max` is no limit.
fn quota(text: Option<String>) -> Option<Finding> {
    let text = text?;
    let (most, period) = text.split_once(' ')?;
    let (most, period): (u64, u64) = (most.parse().ok()?, period.parse().ok()?);
    let share = most as f64 / period.max(1) as f64;
    Some(Finding::new(
        "processor quota",
        Grade::Slow,
        format!(
            "{share:.2} processors in each {} ms: this group is halted for the rest of them, and a ring fills meanwhile; raise \
             cpu.max, or use a larger --ring-size",
            period / 1000
        ),
    ))
}

fn governor(name: Option<String>) -> Option<Finding> {
    Some(match name?.as_str() {
        name @ ("powersave" | "conservative" | "ondemand") => Finding::new(
            "frequency",
            Grade::Slow,
            format!(
                "governor {name}: the first events after a pause take longer; `cpupower frequency-set -g performance` keeps it up"
            ),
        ),
        name => Finding::fine("frequency", format!("governor {name}")),
    })
}

fn clock(source: Option<String>, processors: Option<String>) -> Option<Finding> {
    let source = source?;
    let is_invariant =
        processors.is_some_and(|text| text.contains("constant_tsc") && text.contains("nonstop_tsc"));
    Some(match source.as_str() {
        "tsc" | "arch_sys_counter" | "kvm-clock" | "riscv_clocksource" => {
            let words = if is_invariant { ", the processor's counter is invariant" } else { "" };
            Finding::fine("clock", format!("{source}{words}"))
        }
        _ => Finding::new(
            "clock",
            Grade::Slow,
            format!(
                "{source}: reading the time is a system call of a microsecond or so; find out from the kernel's log why it does \
                 not use the processor's counter"
            ),
        ),
    })
}

/// Says whether something keeps the clock right, where that can be seen.
fn synchronised(root: &Path) -> Option<Finding> {
    let is_kept =
        ["run/systemd/timesync/synchronized", "run/chrony/chronyd.pid", "run/chronyd.pid", "run/ntpd.pid"]
            .iter()
            .any(|path| root.join(path).exists());
    is_kept.then(|| Finding::fine("time of day", "kept right by a service"))
}

fn dirty(bytes: Option<String>, ratio: Option<String>, memory: Option<String>) -> Option<Finding> {
    let memory = memory?;
    let line = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024;
    let most = match bytes?.parse::<u64>().ok()? {
        0 => total / 100 * ratio?.parse::<u64>().ok()?,
        bytes => bytes,
    };
    let words = format!("{} of {} may wait for the disk", size(most), size(total));
    Some(if most > total / 100 * DIRTY_PERCENT {
        Finding::new(
            "memory",
            Grade::Slow,
            format!(
                "{words}: beyond that the kernel halts who writes, until it is on the disk; set vm.dirty_bytes (docs/tuning.md)"
            ),
        )
    } else {
        Finding::fine("memory", words)
    })
}

fn maps(count: Option<String>) -> Option<Finding> {
    let count: u64 = count?.parse().ok()?;
    (count < 65_530).then(|| {
        Finding::new(
            "mappings",
            Grade::Risk,
            format!("a process may have {count}: a reader of a long log maps each file; raise vm.max_map_count to 65530"),
        )
    })
}

/// `None` is no limit.
fn open_files(limit: Option<u64>) -> Option<Finding> {
    Some(match limit {
        Some(most) if most < FILES => Finding::new(
            "open files",
            Grade::Risk,
            format!(
                "at most {most}: opening the next file of a log may fail; `ulimit -n {FILES}` or LimitNOFILE={FILES}"
            ),
        ),
        Some(most) => Finding::fine("open files", format!("at most {most}")),
        None => Finding::fine("open files", "no limit"),
    })
}

fn file_size(limit: Option<u64>) -> Option<Finding> {
    limit.map(|most| {
        Finding::new(
            "file size",
            Grade::Risk,
            format!(
                "files of this process may take {}; `ulimit -f unlimited`, or a smaller --segment-size",
                size(most)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grade(finding: Option<Finding>) -> Grade {
        finding.unwrap().grade
    }

    fn text(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn what_costs_speed_or_a_promise_is_found_and_what_cannot_be_read_is_nothing() {
        assert_eq!(grade(kernel(text("6.18.0-rc1"))), Grade::Fine);
        assert!(kernel(text("6.1.0-18-amd64")).unwrap().words.contains("6.14"));
        assert_eq!(grade(kernel(text("3.10.0-1160.el7"))), Grade::Risk);
        assert_eq!((kernel(None), kernel(text("unknown"))), (None, None));
        assert_eq!((grade(processors(Some(1))), grade(processors(Some(2)))), (Grade::Slow, Grade::Fine));
        assert!(quota(text("150000 100000")).unwrap().words.starts_with("1.50 processors in each 100 ms"));
        assert_eq!(quota(text("max 100000")), None);
        assert_eq!(
            (grade(governor(text("powersave"))), grade(governor(text("performance")))),
            (Grade::Slow, Grade::Fine)
        );
        assert_eq!(
            (grade(clock(text("hpet"), None)), grade(clock(text("tsc"), None))),
            (Grade::Slow, Grade::Fine)
        );
        assert_eq!((grade(open_files(Some(256))), grade(open_files(None))), (Grade::Risk, Grade::Fine));
        assert_eq!((file_size(None), maps(text("65530"))), (None, None));
        assert_eq!(grade(maps(text("1000"))), Grade::Risk);
        let memory = || text("MemTotal:       16000000 kB\nMemFree: 1 kB");
        assert_eq!(grade(dirty(text("0"), text("20"), memory())), Grade::Slow);
        assert_eq!(grade(dirty(text("268435456"), text("0"), memory())), Grade::Fine);
        assert_eq!(dirty(text("0"), text("20"), text("no memory")), None);
    }

    #[test]
    fn an_empty_machine_still_has_the_findings_of_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let found = findings(folder.path());
        assert!(found.iter().any(|it| it.about == "open files"), "{found:?}");
        assert!(found.iter().all(|it| it.about != "kernel"), "{found:?}");
    }
}
