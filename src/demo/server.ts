/**
 * A small POP3 server: the server of --demo, and a correct server for tests. Maildrops are in memory.
 *
 * One coroutine per connection reads commands, and stops reading while the client does not accept the answers. So a
 * connection holds at most one chunk of input, and at most one answer beyond OUTPUT_BOUND.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { Dialogue, type Rules } from "./dialogue";
import { Mail } from "./mail";
import { sampleMessages } from "./maildrop";
import { Users } from "./users";

/** The lines of the answer to CAPA by default (RFC 2449, 6; RFC 3206, 6). */
const CAPABILITIES: readonly string[] = [
  "TOP",
  "UIDL",
  "USER",
  "PIPELINING",
  "RESP-CODES",
  "AUTH-RESP-CODE",
  "IMPLEMENTATION pop3.proxy-sample",
];

/** What a test may set. */
export interface DemoOptions {
  /** The mails of every user at first, each empty or ending in CRLF. Default: the sample maildrop. */
  readonly messages?: readonly Buffer[];
  /** The passwords that are accepted, for any user name. Default: `demo` alone. */
  readonly passwords?: readonly string[];
  /** The lines of the answer to CAPA; null: CAPA is unknown. Pipelined commands are answered in any case. */
  readonly capabilities?: readonly string[] | null;
  /** How long a client may be silent, in seconds; by default 600, the least that RFC 1939, 3, permits. */
  readonly timeout?: number;
}

/** A server that does not listen yet. */
export interface DemoServer {
  /**
   * Starts to listen. Call it once only.
   *
   * @param port 0, the default: any free port
   * @param host the address to listen on; by default 127.0.0.1
   * @returns the port
   * @throws the system's error, such as EADDRINUSE
   */
  listen(port?: number, host?: string): Promise<number>;
  /** Closes the listener and all connections; sessions without a QUIT delete no mail. Resolves when all are closed. */
  close(): Promise<void>;
}

/** The longest command line, in octets with its line end (RFC 2449, 4). */
const COMMAND_LIMIT = 255;
/** How many octets of answers may be unsent before the next command has to wait. */
const OUTPUT_BOUND = 64 * 1024;
/** How long the server waits after QUIT for the client to close, in milliseconds. */
const LINGER = 2000;

/**
 * Makes a server. It does nothing before `listen`. The sample mails are made at the first login.
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
  // allowHalfOpen: a client that has closed its sending side still gets its answers.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {}); // the coroutine sees the end of the socket
    socket.setTimeout(timeout * 1000, () => socket.destroy());
    void converse(socket, new Dialogue(rules));
  });
  return {
    listen: (port = 0, host = "127.0.0.1") =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          server.on("error", () => {}); // one connection could not be accepted; the server goes on
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

/** Serves one session, from the greeting to the end. Rejects only for a fault in the code. */
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

/** Answers commands in their order, in as few packets as possible, and waits while too many octets are unsent. */
async function answerAll(socket: Socket, dialogue: Dialogue, lines: readonly (string | null)[]): Promise<void> {
  socket.cork();
  for (const line of lines) {
    // After a timeout or a close, a QUIT that was received before must not reach UPDATE.
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

/** Writes octets, and the corked octets before them. Resolves when the system has them, or the socket has closed. */
function taken(socket: Socket, octets: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(octets, "latin1", () => resolve());
    socket.uncork();
  });
}

/** Closes the sending side, and discards what the client still sends: unread input would reset the last answer. */
function leave(socket: Socket): void {
  if (socket.destroyed) return;
  socket.end();
  socket.resume();
  // The wait begins when the last answer has been sent, so that a slow reader has the whole `timeout`.
  socket.once("finish", () => {
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => clearTimeout(timer));
  });
}

/** Cuts chunks into command lines. Of an unfinished line it keeps at most COMMAND_LIMIT octets. */
class Lines {
  #rest = "";

  /** The lines that end in this chunk, latin1, without CRLF or LF; null: a line that was too long. */
  in(chunk: Buffer): (string | null)[] {
    const lines = (this.#rest + chunk.toString("latin1")).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, COMMAND_LIMIT);
    return lines.map((line) => (line.length < COMMAND_LIMIT ? line.replace(/\r$/, "") : null));
  }
}
