// Builds the page anew and holds it against the one that is committed, byte for byte.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 300_000;
const committed = new URL("../../crates/server/src/page/", import.meta.url).pathname;
const built = mkdtempSync(join(tmpdir(), "studio-"));

try {
  execFileSync("npx", ["vite", "build", "--logLevel", "warn"], { stdio: "inherit", env: { ...process.env, STUDIO_OUT: built } });
  const names = [...new Set([...readdirSync(committed), ...readdirSync(built)])].sort();
  const read = (folder, name) => (readdirSync(folder).includes(name) ? readFileSync(join(folder, name)) : null);
  const differing = names.filter((name) => {
    const [one, other] = [read(committed, name), read(built, name)];
    return !one || !other || !one.equals(other);
  });
  const packed = names.map((name) => gzipSync(read(built, name) ?? "").length).reduce((sum, size) => sum + size, 0);
  console.log(`the page has ${packed} bytes, packed`);
  if (packed > MOST_BYTES) throw new Error(`the page may have ${MOST_BYTES} bytes packed`);
  if (differing.length > 0) {
    throw new Error(`${differing.join(", ")} in crates/server/src/page is not what studio/ makes: run npm run build and commit it`);
  }
  console.log("the committed page is what the sources make");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(built, { recursive: true, force: true });
}
