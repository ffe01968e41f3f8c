/**
 * A real little POP3 server: what --demo puts behind the gateway, and what tests take for an honest upstream.
 * One coroutine per connection reads commands, and reads on only while the client takes the answers; so a connection
 * never holds more than one chunk of input, and one answerAll beyond OUTPUT_BOUND. Maildrops live in memory.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { Dialogue, type Rules } from "./dialogue";
import { Mail } from "./mail";
import { sampleMessages } from "./maildrop";
import { Users } from "./users";

/** What CAPA tells unless the options say otherwise (RFC 2449, 6; RFC 3206, 6). */
export const CAPABILITIES: readonly string[] = [
  "TOP",
  "UIDL",
  "USER",
  "PIPELINING",
  "RESP-CODES",
  "AUTH-RESP-CODE",
  "IMPLEMENTATION pop3.proxy-sample",
];

export interface DemoOptions {
  /** What each user name finds at first: raw octets, each empty or ending in CRLF. Default: the sample maildrop. */
  readonly messages?: readonly Buffer[];
  /** The passwords that let in, whatever the user name. Default: `demo` alone. */
  readonly passwords?: readonly string[];
  /** The lines that answerAll CAPA; null: CAPA is unknown. Pipelined commands are answered in any case. */
  readonly capabilities?: readonly string[] | null;
  /** How long a client may be silent, in seconds; at least 600 by RFC 1939, 3, and by default. */
  readonly timeout?: number;
}

export interface DemoServer {
  /**
   * Starts to listen. Once only.
   *
   * @param port 0: any free one
   * @returns the port
   * @throws the system's error, such as EADDRINUSE
   */
  listen(port?: number, host?: string): Promise<number>;
  /** Ends the listener and all sessions, which thereby delete nothing. Resolves when nothing is left of them. */
  close(): Promise<void>;
}

/** The longest command line, in octets with its line end (RFC 2449, 4). */
const COMMAND_LIMIT = 255;
/** Octets of answers on their way before the next command has to wait. */
const OUTPUT_BOUND = 64 * 1024;
/** How long the client's end of the connection is awaited after QUIT, in milliseconds. */
const LINGER = 2000;

/**
 * Makes a server; it does nothing before `listen`, and the mails are made at the first login.
 *
 * @throws TypeError if one of `messages` does not end in CRLF
 */
export function createDemoServer(options: DemoOptions = {}): DemoServer {
  const { messages, passwords = ["demo"], capabilities = CAPABILITIES, timeout = 600 } = options;
  let mails = messages?.map((octets) => new Mail(octets));
  const rules: Rules = {
    users: new Users(() => {
      mails ??= sampleMessages().map((octets) => new Mail(octets));
      return mails;
    }),
    passwords: new Set(passwords.map((password) => Buffer.from(password).toString("latin1"))),
    capabilities,
  };
  const sockets = new Set<Socket>();
  // A client may say all it has to say and a FIN, and still wants its answers: hence allowHalfOpen.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // its end is what matters, and the coroutine sees that
    socket.setTimeout(timeout * 1000, () => socket.destroy());
    void converse(socket, new Dialogue(rules));
  });
  return {
    listen: (port = 0, host = "127.0.0.1") =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          server.on("error", () => {}); // one connection that could not be accepted; the next one may
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** One session, from the greeting to the end. Rejects only for a fault of this code. */
async function converse(socket: Socket, dialogue: Dialogue): Promise<void> {
  const lines = new Lines();
  socket.write(dialogue.greeting);
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      await answerAll(socket, dialogue, lines.in(chunk));
      if (dialogue.over) break;
    }
  } catch (thrown) {
    if (!socket.destroyed) throw thrown;
  } finally {
    dialogue.end();
  }
  leave(socket);
}

/** Answers commands in their order, in as few packets as may be, and waits while too much is on its way. */
async function answerAll(socket: Socket, dialogue: Dialogue, lines: readonly (string | null)[]): Promise<void> {
  socket.cork();
  for (const line of lines) {
    // Nobody who was timed out or closed may still reach UPDATE with a QUIT that was waiting.
    if (dialogue.over || socket.destroyed) break;
    const octets = dialogue.answer(line);
    if (socket.writableLength + octets.length < OUTPUT_BOUND) {
      socket.write(octets, "latin1");
    } else {
      await taken(socket, octets);
      socket.cork();
    }
  }
  socket.uncork();
}

/** Writes octets and all that is corked up before them; resolves when the system has them, or the client is gone. */
function taken(socket: Socket, octets: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(octets, "latin1", () => resolve());
    socket.uncork();
  });
}

/** Ends our side; then what the client still says is thrown away, lest a reset overtake our last answerAll. */
function leave(socket: Socket): void {
  if (socket.destroyed) return;
  socket.end();
  socket.resume();
  // After the last answerAll is out: a slow reader has all the time that `timeout` gives.
  socket.once("finish", () => {
    const impatient = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => clearTimeout(impatient));
  });
}

/** Cuts chunks into command lines. Keeps no more of an unfinished one than shows that it is too long. */
class Lines {
  #rest = "";

  /** The lines that end in this chunk, latin1, without CRLF or LF; null stands for one that was too long. */
  in(chunk: Buffer): (string | null)[] {
    const lines = (this.#rest + chunk.toString("latin1")).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, COMMAND_LIMIT);
    return lines.map((line) => (line.length < COMMAND_LIMIT ? line.replace(/\r$/, "") : null));
  }
}
