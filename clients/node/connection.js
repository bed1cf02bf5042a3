import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { ConnectionLost, refusal } from "./errors.js";

// More than any reply has.
const MAX_REPLY = 16 * 1024 * 1024;

/** A socket that reads what there is before a write that fails closes it: the daemon may have said why it let nobody in. */
class PatientSocket extends Socket {
  destroy(error) {
    // Whoever cannot write any more has all there is to read waiting, which takes one turn of the event loop.
    if (error?.syscall === "write") setImmediate(() => setImmediate(() => super.destroy(error)));
    else super.destroy(error);
    return this;
  }
}

/** One connection to the daemon, for any number of requests at once, which ids tell apart. What goes wrong with one of them ends it for all. */
export class Connection {
  #socket;
  #connected = false;
  #ready = false;
  // Nobody who has sent a line in advance can have guessed an id.
  #ids = randomBytes(8).toString("hex");
  #lastId = 0;
  #waiting = new Map();
  #rest = "";

  /** Whether it is only good to be forgotten. */
  ended = false;

  constructor(path) {
    const text = new StringDecoder();
    // (What comes as "data" is dropped once a write has failed.)
    const callback = (length, buffer) => {
      this.#read(text.write(buffer.subarray(0, length)));
      return true;
    };
    this.#socket = new PatientSocket({ onread: { buffer: Buffer.alloc(65_536), callback } });
    this.#socket.on("connect", () => {
      this.#connected = true;
      // After this event the socket begins to read.
      setImmediate(() => this.#begin());
    });
    this.#socket.on("end", () => this.#end("ended"));
    this.#socket.on("error", () => this.#end(this.#connected ? "ended" : "unreachable"));
    this.#socket.on("close", () => this.#end("ended"));
    this.#socket.connect({ path });
  }

  /** Resolves to the reply. `members` are those of the request, as JSON without braces; `deadline` is a time of `performance.now()`. */
  ask(members, deadline) {
    return new Promise((resolve, reject) => {
      const id = `${this.#ids}-${++this.#lastId}`;
      const request = { id, line: `{"id":"${id}",${members}}\n`, sent: false, resolve, reject };
      request.timer = setTimeout(() => this.#end("ended", request), Math.max(0, deadline - performance.now()));
      this.#waiting.set(id, request);
      this.#socket.ref();
      if (this.#ready) this.#send(request);
    });
  }

  close() { this.#end("ended"); }

  #begin() {
    this.#ready = true;
    for (const request of this.#waiting.values()) this.#send(request);
  }

  #send(request) {
    request.sent = true;
    this.#socket.write(request.line, (error) => {
      // Only what the system refused to take has certainly not been sent whole.
      if (error?.syscall === "write") request.sent = false;
    });
  }

  #read(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const line of lines) {
      if (this.ended) return;
      this.#answer(line);
    }
    // (Or what nobody has asked for.)
    if (this.#rest.length > MAX_REPLY || (this.#rest && this.#waiting.size === 0)) this.#end("garbled");
  }

  #answer(line) {
    let reply = null;
    try {
      reply = JSON.parse(line);
    } catch {
      // The error's text may show a part of the reply.
    }
    if (reply === null || typeof reply !== "object") return this.#end("garbled");
    if (!("id" in reply)) return this.#turnedAway(refusal(reply));
    const request = this.#waiting.get(reply.id);
    if (!request) return this.#end("garbled");
    this.#settle(request);
    request.resolve(reply);
    // A connection that waits for nothing keeps no program running.
    if (this.#waiting.size === 0) this.#socket.unref();
  }

  /** Who is turned away at the door, or sent too long a line, is answered without id. That grants nothing. */
  #turnedAway(error) {
    if (!error) return this.#end("garbled");
    let requests = [...this.#waiting.values()];
    if (error.code === "line_too_long") requests = requests.sort((a, b) => b.line.length - a.line.length).slice(0, 1);
    for (const request of requests) {
      this.#settle(request);
      request.reject(error);
    }
    this.#end("ended");
  }

  #settle(request) {
    clearTimeout(request.timer);
    this.#waiting.delete(request.id);
  }

  /** Nothing more comes of this connection, least of all a late reply. `late` is the request that took too long, if one did. */
  #end(code, late) {
    if (this.ended) return;
    this.ended = true;
    this.#socket.destroy();
    for (const request of this.#waiting.values()) {
      this.#settle(request);
      request.reject(new ConnectionLost(request === late ? "timed_out" : code, request.sent));
    }
  }
}
