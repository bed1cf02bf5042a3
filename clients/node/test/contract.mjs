// Runs the cases of clients/contract/cases.json, as the README there has it.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { Client, ConnectionLost, Denied, Misuse, RetryLater, UsherError } from "../index.js";

const [tableFile, folder, only] = process.argv.slice(2);
const table = JSON.parse(readFileSync(tableFile, "utf8"));
const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const kind = (error) =>
  error instanceof ConnectionLost ? "lost" : error instanceof RetryLater ? "retry_later" : error instanceof Denied ? "denied" : error instanceof Misuse && "misuse";

class Case {
  kept = {};

  constructor(client) {
    this.client = client;
  }

  async perform(step) {
    if (step.driver) return this.drive(step);
    if (step.together) return Promise.all(step.together.map((part) => this.perform(part)));
    for (let n = 0; n < (step.times ?? 1); n++) await this.call(step);
  }

  async call(step) {
    const signature = table.methods[step.call];
    const args = this.filled(step.args ?? {});
    const options = Object.fromEntries(Object.entries(args).filter(([name]) => signature.options.includes(name)));
    let result;
    try {
      result = await this.client[camel(step.call)](...signature.args.map((name) => args[name]), options);
    } catch (error) {
      if (!(error instanceof UsherError) || !step.raises) throw error;
      result = this.told(error, args);
      match(this.filled(step.raises), result);
      return this.keep(step, result);
    }
    if (step.raises) throw new Error("it did not raise");
    if ("returns" in step) match(this.filled(step.returns), result);
    this.keep(step, result);
  }

  told(error, args) {
    const text = `${error} ${inspect(error)} ${JSON.stringify(error)} ${error.stack} ${inspect(this.client)}`;
    for (const name of table.secrets) if (args[name] && text.includes(args[name])) throw new Error(`it shows the ${name}`);
    const { code, status, message, members, retryAfter: retry_after, outcomeUnknown: outcome_unknown } = error;
    return { kind: kind(error), code, status, message, members, retry_after, outcome_unknown };
  }

  async drive(step) {
    say({ ...this.filled(step), ...("connections" in step && { connections: step.connections }) });
    const reply = JSON.parse((await replies.next()).value);
    if (reply.error) throw new Error(reply.error);
    if (step.returns) match(this.filled(step.returns), reply);
    this.keep(step, reply);
  }

  keep(step, result) {
    for (const [name, path] of Object.entries(step.keep ?? {})) this.kept[name] = path.split(".").reduce((part, key) => part[key], result);
  }

  filled(value) {
    if (Array.isArray(value)) return value.map((part) => this.filled(part));
    if (value !== null && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, this.filled(part)]));
    if (typeof value !== "string") return value;
    const whole = /^\{(\w+)\}$/.exec(value);
    return whole ? this.kept[whole[1]] : value.replace(/\{(\w+)\}/g, (text, name) => this.kept[name] ?? text);
  }
}

function match(wanted, got, at = "it") {
  if (wanted === "…" ? got === null || got === undefined : wanted === null ? got !== null && got !== undefined : false) throw new Error(`${at} is ${got}`);
  if (wanted === "…" || wanted === null) return;
  if (typeof wanted !== "object") {
    if (wanted !== got) throw new Error(`${at} is ${inspect(got)}, not ${inspect(wanted)}`);
    return;
  }
  if (got === null || typeof got !== "object" || (Array.isArray(wanted) && got.length !== wanted.length)) throw new Error(`${at} is ${inspect(got)}`);
  for (const [name, part] of Object.entries(wanted)) match(part, got[name], `${at}.${name}`);
}

for (const entry of table.cases.filter(({ name }) => !only || name === only)) {
  if (entry.needs === "fork") {
    say({ case: entry.name, skip: "Node has no fork" });
    continue;
  }
  const client = new Client(`${folder}/${entry.server}.sock`, { timeout: (entry.timeout ?? 10) * 1000 });
  const run = new Case(client);
  let failure;
  for (const [step, action] of entry.steps.entries()) {
    try {
      await run.perform(action);
    } catch (error) {
      failure = { case: entry.name, ok: false, step, why: `${error}` };
      break;
    }
  }
  client.close();
  say(failure ?? { case: entry.name, ok: true });
}
process.exit();
