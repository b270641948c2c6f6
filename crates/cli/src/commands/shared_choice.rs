//! Where servers and workers on many machines keep what they share.

use anyhow::bail;
use clap::Args;
use server::Shared;

/// What `--database` is when it is left out: whoever lists processes would see a password.
const DATABASE: &str = "MISORA_DATABASE";
const FILES: &str = "MISORA_FILES";

/// The options of servers and workers that share jobs and files.
#[derive(Args)]
pub struct SharedChoice {
    #[command(flatten)]
    database: DatabaseChoice,
    /// Where shared files lie: `s3://BUCKET/PREFIX`, with keys, region and endpoint of AWS_* variables, or a folder that all
    /// machines reach [default: what MISORA_FILES says]
    #[arg(long, value_name = "PLACE")]
    files: Option<String>,
}

/// The option of whatever opens a shared database.
#[derive(Args)]
pub struct DatabaseChoice {
    /// The database that servers and workers share: `postgres://USER:PASSWORD@HOST/DATABASE` [default: what MISORA_DATABASE
    /// says, where nobody who lists processes sees it]
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
}

impl DatabaseChoice {
    /// The database, if one was named.
    pub fn url(&self) -> Option<String> {
        self.database.clone().or_else(|| variable(DATABASE))
    }
}

impl SharedChoice {
    /// What is shared, if anything is.
    pub fn shared(&self) -> anyhow::Result<Option<Shared>> {
        match (self.database.url(), self.files.clone().or_else(|| variable(FILES))) {
            (None, None) => Ok(None),
            (Some(database), Some(files)) => Ok(Some(Shared { database, files })),
            (Some(_), None) => {
                bail!("--database goes with --files: others must reach what is made; name s3://BUCKET/PREFIX")
            }
            (None, Some(_)) => bail!("--files goes with --database: others must know the jobs; name postgres://…"),
        }
    }

    /// What is shared.
    pub fn needed(&self) -> anyhow::Result<Shared> {
        match self.shared()? {
            Some(shared) => Ok(shared),
            None => bail!("a worker needs --database and --files, the same as its servers"),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
