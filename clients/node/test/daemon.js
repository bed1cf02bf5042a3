// One usherd for all tests of a file, and what the admin socket is asked for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "../index.js";

const program = process.env.USHERD ?? fileURLToPath(new URL("../../../.build/release/usherd", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ush"));
mkdirSync(join(folder, "state"), { mode: 0o700 });
// Hashing that costs next to nothing.
writeFileSync(join(folder, "usher.toml"), '[password]\nscheme = "bcrypt"\ncost = 4\n');
const env = { JWT_SECRET: "tests-access-secret-0123456789-abcdefghijklm", REFRESH_TOKEN_SECRET: "tests-refresh-secret-9876543210-zyxwvutsrq" };

export const socket = join(folder, "s");
export const admin = new Client(join(folder, "a"));
let daemon;
let accounts = 0;

export async function start() {
  const output = openSync(join(folder, "log"), "a");
  const args = ["--config", join(folder, "usher.toml"), "--listen", socket, "--admin-listen", join(folder, "a"), "--state", join(folder, "state")];
  daemon = spawn(program, args, { env, stdio: ["ignore", output, output] });
  const client = new Client(socket);
  for (let n = 0; n < 1000; n++) {
    try {
      await client.ping();
      return client.close();
    } catch {
      await sleep(10);
    }
  }
  throw new Error(`usherd does not answer; see ${folder}/log`);
}

export async function stop(signal = "SIGTERM") {
  const ended = once(daemon, "exit");
  daemon.kill(signal);
  await ended;
}

export async function finish() {
  admin.close();
  await stop();
  rmSync(folder, { recursive: true });
}

/** An account of a name that no other test has, and the tokens of its first session. */
export async function register(client) {
  const name = `u${++accounts}`;
  return { name, ...(await client.register(name, `${name}@example.org`, "correct horse")) };
}
