//! Videos that a server elsewhere makes: the same options, progress, files and report.

use std::{
    io::{Seek, Write},
    path::Path,
    time::Instant,
};

use anyhow::{Context, anyhow, bail};
use provenance::origin::AIGC_KEY;
use serde_json::json;
use tempfile::{Builder, NamedTempFile};
use video::{Clip, Extras, OutputFormat, ReadLimits, probe, read_clip, read_tags};

use super::{
    Making,
    report::{Made, Outcome, describe, report},
};
use crate::{
    interrupt::Careful,
    print,
    progress::Generating,
    remote::{Remote, RemoteOrder, RemoteVideo},
    target::{self, Target},
};

/// Steps that a bar has before the server says how many there are.
const SOME_STEPS: usize = 20;

impl Making {
    /// The server that is to make the videos, if one was named.
    pub fn remote(&self) -> anyhow::Result<Option<Remote>> {
        let Some(remote) = self.server.remote()? else { return Ok(None) };
        let given = [
            ("--model", self.model.is_given()),
            ("--device", self.model.device_is_given()),
            ("--lora", !self.loras.loras.is_empty()),
            ("--precision", self.precision.is_given()),
            ("--tile", self.tile.is_some()),
            ("--ignore-memory", self.ignore_memory),
            ("--policy", self.policy.is_given()),
            ("--no-visible-label", self.marks.leaves_any_out()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => bail!(
                "{option} is not sent to a server, which was told such things when it was started; leave it out, or make the \
                 video here, without --server and MISORA_SERVER"
            ),
            None => Ok(Some(remote)),
        }
    }

    /// What every order says.
    pub fn order(&self, path: &'static str) -> anyhow::Result<RemoteOrder> {
        let motions: Vec<String> = self.guide.motions_as_given();
        let order = RemoteOrder::new(path).field("negative_prompt", self.negative.as_ref());
        let order = order.field("camera", self.guide.camera_as_given()?);
        Ok(self.sampling.order(order).field("motions", (!motions.is_empty()).then(|| motions.join("\n"))))
    }

    /// Has the videos of an order made, and says what came of it.
    pub fn run_on_server(&self, remote: &Remote, target: Option<Target>, order: RemoteOrder) -> anyhow::Result<()> {
        let name = || order.said("prompt").unwrap_or("story").to_owned();
        let target = target.unwrap_or_else(|| Target::from_prompt(&name()));
        let outputs = self.outputs(&target)?;
        for (output, _) in &outputs {
            check(output)?;
        }
        let look = self.look.open()?;
        // The first Ctrl-C only asks: the server is told that nobody waits any more.
        let _careful = Careful::begin();
        order.check()?;
        remote.check()?;
        let mut asked = Vec::new();
        let made = self.await_all(remote, &order, (&outputs, look), &mut asked);
        if made.is_err() {
            asked.iter().for_each(|id| remote.cancel(id));
        }
        let (made, outcome, video) = made?;
        let settings = json!({ "server": remote.url(), "model": video.model, "prompt": order.said("prompt") });
        let sheet = self.sheet_of(&target, &made)?;
        if self.json {
            return print::json(&report(outcome, settings, (&made, sheet.as_ref())));
        }
        if target != Target::Stdout {
            made.iter().try_for_each(|made| print::line(describe(made, outcome)))?;
            sheet.iter().try_for_each(|sheet| print::line(format!("{}: contact sheet", sheet.name())))?;
        }
        Ok(())
    }

    /// Asks for all at once, so that many workers may share them, and fetches one after another.
    fn await_all(
        &self,
        remote: &Remote,
        order: &RemoteOrder,
        (outputs, look): (&[(Target, u64)], Option<crate::look::Look>),
        asked: &mut Vec<String>,
    ) -> anyhow::Result<(Vec<Made>, Outcome, RemoteVideo)> {
        for (output, seed) in outputs {
            let RemoteVideo { id, seconds, .. } = remote.submit(order, *seed)?;
            asked.push(id);
            if output.is_still() && seconds != "0" {
                bail!(
                    "a picture has one frame, not {seconds} s; leave out the length, or end --output in .mp4 or .gif"
                );
            }
        }
        let mut progress = Generating::begin(self.count, ("video", SOME_STEPS), look);
        let (mut made, mut last) = (Vec::new(), None);
        for ((output, seed), id) in outputs.iter().zip(asked.iter()) {
            let begun = Instant::now();
            let video =
                remote.wait(id, &mut progress)?.ok_or_else(|| anyhow!("stopped, and the server was told so"))?;
            if video.status != "completed" {
                let why = video.error.map_or_else(|| "it does not say why".into(), |error| error.message);
                bail!("{} could not make the video: {why}", remote.url());
            }
            let outcome = fetch(remote, id, output)?;
            progress.video_done();
            made.push(Made { file: output.name(), seed: *seed, seconds_taken: begun.elapsed().as_secs_f64() });
            last = Some((outcome, video));
        }
        let (outcome, video) = last.context("no video was asked for")?;
        Ok((made, outcome, video))
    }

    fn sheet_of(&self, target: &Target, made: &[Made]) -> anyhow::Result<Option<Target>> {
        if self.count == 1 {
            return Ok(None);
        }
        let clips: Vec<Clip> = made
            .iter()
            .map(|made| read_clip(Path::new(&made.file), &ReadLimits::default()))
            .collect::<Result<_, _>>()?;
        let sheet = video::contact_sheet(&clips.iter().collect::<Vec<_>>(), super::SHEET_COLUMNS)?;
        let target = target.contact_sheet()?;
        target.write(&Clip::new(vec![sheet], clips[0].frame_rate())?, Extras::default())?;
        Ok(Some(target))
    }
}

/// Work of minutes should not end at a name.
fn check(output: &Target) -> anyhow::Result<()> {
    let Target::Path(path) = output else { return Ok(()) };
    target::check_folder(path)?;
    if path.is_dir() && OutputFormat::from_path(path)? != OutputFormat::PngFolder {
        bail!("cannot write {}: it is a folder", path.display());
    }
    beside(path).map(drop)
}

/// Fetches a video beside its place and then moves it there; other formats than the server's are made here.
fn fetch(remote: &Remote, id: &str, output: &Target) -> anyhow::Result<Outcome> {
    let mut file = match output {
        Target::Path(path) => beside(path)?,
        Target::Stdout => NamedTempFile::new()?,
    };
    remote.fetch(id, file.as_file_mut())?;
    let info = probe(file.path()).context("what the server sent is no video")?;
    let frame_rate = info.frame_rate.context("what the server sent is no video")?;
    let num_frames = usize::try_from(info.frame_count.unwrap_or(0))?;
    let outcome = Outcome { resolution: info.resolution, num_frames, frame_rate };
    match output {
        Target::Stdout => {
            file.rewind()?;
            let mut stdout = std::io::stdout().lock();
            std::io::copy(file.as_file_mut(), &mut stdout)
                .and_then(|_| stdout.flush())
                .context("cannot write to standard output")?;
        }
        Target::Path(path) if OutputFormat::from_path(path)? == OutputFormat::Mp4 => {
            file.as_file().sync_all()?;
            file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Target::Path(_) => {
            let clip = read_clip(file.path(), &ReadLimits::default())?;
            // The watermark is in the pictures; the signature is of the file that the server made.
            let tags = read_tags(file.path())?.into_iter().filter(|tag| tag.key == AIGC_KEY).collect();
            output.write(&clip, Extras { tags, seal: None })?;
        }
    }
    Ok(outcome)
}

/// A nameless file in the folder of a name, readable for whoever may read others there.
fn beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".misora-").suffix(".part.mp4");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).with_context(|| format!("cannot write {}", path.display()))
}
