/** The real program and a real browser, for as long as a test runs. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core";

const TARGET = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "../../../target");
const PROGRAM = process.env.MISORA_PROGRAM ?? join(TARGET, "release/misora");
const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";

export interface Serving {
  url: string;
  folder: string;
  /** Runs the program once, such as `keys add`. */
  run(...args: string[]): string;
  stop(): Promise<void>;
}

/** Starts `misora serve` in a folder of its own. */
export async function serve(before: (run: Serving["run"]) => void = () => undefined): Promise<Serving> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built; run cargo build --release, or name it in MISORA_PROGRAM`);
  const folder = mkdtempSync(join(tmpdir(), "misora-studio-"));
  const env = { ...process.env, MISORA_DATA_DIR: join(folder, "identity") };
  const data = join(folder, "data");
  const run = (...args: string[]) => execFileSync(PROGRAM, [...args, "--data", data], { env, encoding: "utf8" });
  before(run);
  const child = spawn(PROGRAM, ["serve", "--listen", "127.0.0.1:0", "--data", data], { env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const url = await new Promise<string>((done, fail) => {
    let said = "";
    child.stdout.on("data", (text) => {
      said += text;
      const address = /misora listens on (\S+)/.exec(said)?.[1];
      if (address) done(address);
    });
    child.on("exit", () => fail(new Error(`the server ended: ${log}`)));
  });
  return { url, folder, run, stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((done) => child.on("exit", done));
  child.removeAllListeners("exit");
  child.on("exit", () => undefined);
  child.kill("SIGTERM");
  await Promise.race([ended, new Promise((done) => setTimeout(done, 25_000))]);
  child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

/** A browser with a profile of its own. */
export async function browse(options: BrowserContextOptions = {}): Promise<BrowserContext & { end(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), "misora-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: BROWSER,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
    ],
    viewport: { width: 1280, height: 860 },
    locale: "en-GB",
    reducedMotion: "reduce",
    ...options,
  });
  return Object.assign(context, {
    end: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  });
}
