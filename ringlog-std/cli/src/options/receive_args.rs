//! The command line of `ringlog receive`.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::options::log_args::LogArgs;
use crate::values;

/// Arguments of `ringlog receive`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReceiveArgs {
    /// Serial line such as /dev/ttyACM0, a file with what came over one, or - for standard input
    #[arg(value_name = "DEVICE")]
    pub(crate) device: PathBuf,
    /// Folder of the log; what comes is added to the log that is there
    #[arg(long, value_name = "PATH")]
    pub(crate) log: PathBuf,
    /// Bits per second of the line
    #[arg(long, value_name = "N", default_value = "115200", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) baud: u32,
    /// Rate of the device's clock, for a device that does not say it
    #[arg(long, value_name = "N", value_parser = values::positive)]
    pub(crate) ticks_per_second: Option<NonZeroU64>,
    /// ELF file of the firmware, for events that the device does not describe
    #[arg(long, value_name = "FIRMWARE.elf")]
    pub(crate) elf: Option<PathBuf>,
    /// Also print each event when it arrives; the counts at the end then go to standard error
    #[arg(long, conflicts_with = "json")]
    pub(crate) print: bool,
    /// Stop after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = values::duration)]
    pub(crate) duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) how: LogArgs,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a line of counts every 2 seconds even if standard error is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}
