// A bot in JavaScript: node alone, no package, no library of EE. It counts words.
//
// Start the engine first, then `node raw_bot.js [HOST:PORT]`.

"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const net = require("node:net");

const BOT = "raw-js";
const INSTANCE = crypto.randomBytes(8).toString("hex"); // new at each start
const STREAM = "EE-inbox-activity";
const INTERVAL_MS = 5000;

// -- NATS: as much of its protocol as a bot needs ---------------------------------------------------------------------

class Nats {
  constructor(host, port) {
    this.inbox = `_INBOX.${crypto.randomBytes(8).toString("hex")}`;
    this.handlers = new Map(); // by subscription
    this.waiting = new Map(); // questions without an answer, by the subject it comes on
    this.buffer = Buffer.alloc(0);
    this.count = 0;
    this.socket = net.connect(port, host);
    this.socket.on("data", (data) => this.read(data));
    this.socket.on("error", (error) => leave(`no connection to NATS: ${error.message}`));
    this.socket.on("close", () => leave("the connection to NATS is lost"));
    this.socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"node","version":"1"}\r\n');
    this.subscribe(`${this.inbox}.*`, (message) => {
      const answered = this.waiting.get(message.subject);
      this.waiting.delete(message.subject);
      if (answered) answered(message);
    });
  }

  subscribe(subject, handler) {
    this.handlers.set(String(++this.count), handler);
    this.socket.write(`SUB ${subject} ${this.count}\r\n`);
  }

  publish(subject, body, replyTo = "") {
    const data = Buffer.from(body);
    this.socket.write(Buffer.concat([Buffer.from(`PUB ${subject} ${replyTo} ${data.length}\r\n`), data, Buffer.from("\r\n")]));
  }

  // Ask, and wait for the answer; null when none comes in time.
  ask(subject, value, withinMs = 7000) {
    const answer = `${this.inbox}.${++this.count}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.waiting.delete(answer) && resolve(null), withinMs);
      this.waiting.set(answer, (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      this.publish(subject, value === undefined ? "" : JSON.stringify(value), answer);
    });
  }

  read(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const end = this.buffer.indexOf("\r\n");
      if (end < 0) return;
      const words = this.buffer.toString("utf8", 0, end).split(" ");
      let next = end + 2;
      if (words[0] === "PING") this.socket.write("PONG\r\n");
      else if (words[0] === "-ERR") console.error("NATS:", words.slice(1).join(" "));
      else if (words[0] === "MSG" || words[0] === "HMSG") {
        const size = Number(words.at(-1));
        if (this.buffer.length < next + size + 2) return; // the rest is on its way
        const head = words[0] === "HMSG" ? Number(words.at(-2)) : 0;
        const [, subject, subscription] = words;
        const replyTo = words.length > (head ? 5 : 4) ? words[3] : "";
        const message = {
          subject,
          replyTo,
          status: this.buffer.toString("utf8", next, next + head).split("\r\n")[0].split(" ")[1],
          body: this.buffer.toString("utf8", next + head, next + size),
        };
        next += size + 2;
        this.handlers.get(subscription)?.(message);
      }
      this.buffer = this.buffer.subarray(next);
    }
  }
}

// -- the ledger: written before anything is done or said ------------------------------------------------------------

class Ledger {
  constructor(file) {
    this.file = file;
    this.data = fs.existsSync(file)
      ? JSON.parse(fs.readFileSync(file, "utf8"))
      : { ledger: crypto.randomBytes(8).toString("hex"), highest: [0, 0], attempts: {} };
  }

  // Whole or not at all.
  save() {
    const place = fs.openSync(`${this.file}.draft`, "w");
    fs.writeSync(place, JSON.stringify(this.data));
    fs.fsyncSync(place);
    fs.closeSync(place);
    fs.renameSync(`${this.file}.draft`, this.file);
  }

  find(about) {
    return this.data.attempts[keyOf(about)];
  }

  note({ job, visit, attempt, fence, reply_to }) {
    const entry = { about: { job, visit, attempt, fence, reply_to }, response: null, acked: false };
    this.data.attempts[keyOf(entry.about)] = entry;
    return entry;
  }
}

// -- the bot: one slot, and a ledger that is asked first ---------------------------------------------------------------

class Bot {
  constructor(ledger, say) {
    this.ledger = ledger;
    this.tell = say;
    this.running = null; // { key, stop }
  }

  // Say of what an earlier process began that nobody knows what it did.
  recover() {
    for (const entry of Object.values(this.ledger.data.attempts))
      if (entry.response === null) this.finish(entry, { kind: "lost" });
  }

  // Judge a request: by ledger, then by attempt, then by fence.
  execute(request) {
    const data = this.ledger.data;
    const known = this.ledger.find(request);
    if (request.ledger !== data.ledger) this.say("wrong_ledger", request);
    else if (known) {
      const isAnother = known.about.fence && compare(known.about.fence, request.fence) !== 0;
      if (isAnother) this.say("conflict", request);
      else this.sayAgain(known, request);
    } else if (compare(request.fence, data.highest) <= 0) this.say("stale", request);
    else if (this.running) this.say("busy", request);
    else {
      const entry = this.ledger.note(request);
      data.highest = request.fence;
      this.ledger.save(); // before any effect
      this.say("accepted", request);
      this.work(entry, request.input);
    }
  }

  // Stop an attempt; one that is not known is written down as stopped, so that it never begins.
  cancel(cancel) {
    const known = this.ledger.find(cancel);
    if (!known) this.finish(this.ledger.note(cancel), { kind: "stopped" });
    else if (this.running?.key === keyOf(cancel)) this.running.stop();
    else this.sayAgain(known, cancel);
  }

  // Answer a claim, or a question about one attempt.
  query(query) {
    const data = this.ledger.data;
    const { lease } = query;
    if (query.visit) {
      const known = this.ledger.find(query);
      if (known) return this.sayAgain(known, query);
      this.ledger.note(query).response = { kind: "stopped" };
      this.ledger.save();
      return this.say("idle", query, { lease });
    }
    if (lease < data.highest[0]) return this.say("stale", query, { lease });
    if (compare([lease, 0], data.highest) > 0) data.highest = [lease, 0];
    this.ledger.save();
    if (!this.running) return this.say("idle", query, { lease });
    const { job, visit, attempt, fence } = data.attempts[this.running.key].about;
    return this.say("busy", query, { lease, running: { job, visit, attempt, fence } });
  }

  // Cease to repeat a response.
  ack(ack) {
    const known = this.ledger.find(ack);
    if (known) {
      known.acked = true;
      this.ledger.save();
    }
  }

  // Carry an attempt out; here, count words, one a tenth of a second.
  work(entry, input) {
    const words = String(input?.text ?? "").split(/\s+/).filter(Boolean);
    const end = (outcome) => {
      clearTimeout(timer);
      this.running = null;
      this.finish(entry, outcome);
    };
    const timer = setTimeout(() => end({ kind: "succeeded", output: { words: words.length } }), words.length * 100);
    this.running = { key: keyOf(entry.about), stop: () => end({ kind: "stopped" }) };
  }

  // Write the response, then send it.
  finish(entry, response) {
    entry.response = response;
    this.ledger.save();
    this.sayAgain(entry, entry.about);
  }

  sayAgain(known, about) {
    if (known.response) {
      const { kind, ...more } = known.response;
      this.say(kind, { ...known.about, ...about }, more);
    } else if (this.running?.key === keyOf(about)) this.say("accepted", about);
    else this.finish(known, { kind: "lost" }); // begun by a process that is gone
  }

  // Say what the engine has not acknowledged, and that the running attempt lives.
  repeat() {
    for (const [key, entry] of Object.entries(this.ledger.data.attempts))
      if (entry.response && !entry.acked) this.sayAgain(entry, entry.about);
      else if (this.running?.key === key) this.say("heartbeat", entry.about);
  }

  say(kind, about, more = {}) {
    const { job, visit, attempt, fence } = about;
    const { ledger, highest } = this.ledger.data;
    this.tell(about.reply_to, { v: 1, kind, job, visit, attempt, fence, ledger, instance: INSTANCE, highest, ...more });
  }
}

const keyOf = ({ job, visit, attempt }) => `${job}/${visit}/${attempt}`;
const compare = (one, other) => one[0] - other[0] || one[1] - other[1];

function leave(why) {
  console.error(why);
  process.exit(1); // whoever watches over it starts it again; the ledger knows the rest
}

// -- what comes in, and what is said by itself -----------------------------------------------------------------------

async function take(nats, what, handle) {
  const subject = `activity.${what}.${BOT}`;
  const durable = subject.replaceAll(".", "=");
  const config = { durable_name: durable, name: durable, filter_subject: subject, ack_policy: "explicit", ack_wait: 15e9 };
  const made = await nats.ask(`$JS.API.CONSUMER.CREATE.${STREAM}.${durable}.${subject}`, { stream_name: STREAM, config });
  if (!made || JSON.parse(made.body).error) leave(`no inbox ${subject}: ${made?.body ?? "no answer"}; is the engine there?`);
  const inbox = `${nats.inbox}-${what}`;
  const pull = () =>
    nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${durable}`, '{"batch":1,"expires":5000000000}', inbox);
  nats.subscribe(inbox, (message) => {
    if (message.replyTo) {
      // else the server says that nothing came
      try {
        handle(JSON.parse(message.body));
      } catch (error) {
        console.error("refused:", error.message); // no JSON, or no message of this kind
      }
      nats.publish(message.replyTo, "+ACK");
    }
    pull();
  });
  pull();
}

function main(place) {
  const [host, port] = place.replace("nats://", "").split(":");
  const nats = new Nats(host, Number(port));
  const bot = new Bot(new Ledger(`${BOT}.ledger.json`), (subject, message) => nats.ask(subject, message));
  const hello = (subject) => {
    const { ledger, highest } = bot.ledger.data;
    const mine = { bot: BOT, instance: INSTANCE, ledger, activities: ["words"], highest, interval_ms: INTERVAL_MS };
    nats.publish(subject, JSON.stringify({ v: 1, ...mine }));
  };
  nats.subscribe("bots.call", () => hello("bots.hello"));
  for (const what of ["execute", "cancel", "query", "ack"]) take(nats, what, (message) => bot[what](message));
  hello("bots.hello");
  bot.recover();
  setInterval(() => {
    hello(`bots.heartbeat.${BOT}`);
    bot.repeat();
  }, INTERVAL_MS);
  console.log("raw-js bot is there");
}

main(process.argv[2] ?? "127.0.0.1:4222");
