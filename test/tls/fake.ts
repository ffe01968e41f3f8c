/**
 * A server that is played by a script, in clear and under TLS, and writes down every octet that the gateway ever sent:
 * on the wire, in clear, and what TLS kept secret. What left in clear cannot be taken back, so that is what the tests
 * look at.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import { TLSSocket, type TLSSocketOptions } from "node:tls";

/** How long a script waits for what must come, in milliseconds. */
const PATIENCE = 8000;

/** The gateway has gone: the script is over, and that is no fault of it. */
export class Gone extends Error {}

/** A socket whose octets are written down on their way to whoever reads it, be it TLS. */
class Tap extends Duplex {
  octets = "";

  constructor(readonly socket: Socket) {
    super({ allowHalfOpen: true });
    socket.on("data", (chunk: Buffer) => {
      this.octets += chunk.toString("latin1");
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", () => {});
    socket.on("close", () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (fault?: Error | null) => void): void {
    this.socket.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    this.socket.destroy();
    done(fault);
  }
}

/** A connection of the gateway. */
export class Caller {
  /** All that came before TLS, and all that came under it. */
  clear = "";
  secret = "";
  /** The name in its ClientHello; "": it named none. */
  sni = "";
  /** The TLS version; "": none is spoken yet. */
  version = "";
  readonly #tap: Tap;
  #stream: Duplex;
  #tls: TLSSocket | null = null;
  #read = 0;
  #ended = false;
  #arrived = () => {};

  constructor(socket: Socket) {
    socket.setNoDelay(true);
    this.#tap = new Tap(socket);
    this.#stream = this.#tap;
    this.#listen(this.#tap);
  }

  /** Every octet that came, whatever it meant. */
  get wire(): string {
    return this.#tap.octets;
  }

  /** What the last line heard left unread: the gateway has said more than one line at once. */
  get ahead(): string {
    return (this.#tls ? this.secret : this.clear).slice(this.#read);
  }

  /** Writes octets (latin1), in one segment if they are few. */
  say(octets: string): void {
    if (this.#stream.writable) this.#stream.write(octets, "latin1");
  }

  /** The next line of the gateway, without its CRLF. @throws Gone */
  async line(): Promise<string> {
    for (;;) {
      const at = this.ahead.indexOf("\r\n");
      if (at >= 0) {
        const line = this.ahead.slice(0, at);
        this.#read += at + 2;
        return line;
      }
      await this.#more();
    }
  }

  /** Hears exactly this line, and says something. */
  async answer(line: string, octets: string): Promise<void> {
    assert.equal(await this.line(), line);
    this.say(octets);
  }

  /** Goes on under TLS, as a server. @throws Gone if the handshake fails */
  async startTls(options: TLSSocketOptions): Promise<void> {
    this.#tap.pause();
    this.#tap.removeAllListeners("data");
    const tls = new TLSSocket(this.#tap as unknown as Socket, { ...options, isServer: true });
    const secured = Promise.race([
      once(tls, "secure"),
      Promise.race([once(tls, "end"), once(tls, "close")]).then(() => Promise.reject(new Gone())),
      late("a handshake"),
    ]);
    this.#stream = tls;
    this.#read = 0;
    this.#listen(tls);
    await secured.catch((thrown: Error) =>
      Promise.reject(thrown instanceof assert.AssertionError ? thrown : new Gone()),
    );
    this.#tls = tls;
    this.version = tls.getProtocol() ?? "";
    this.sni = (tls as TLSSocket & { servername?: string | false }).servername || "";
  }

  /** Waits until the gateway has left, whatever it says before. */
  async untilGone(): Promise<void> {
    for (;;) await this.#more();
  }

  /** A FIN, and under TLS its closure alert before it. */
  end(): void {
    this.#stream.end();
  }

  /** A FIN of the connection below TLS, unannounced. */
  cut(): void {
    this.#tap.socket.end();
  }

  /** A RST. */
  reset(): void {
    this.#tap.socket.resetAndDestroy();
  }

  destroy(): void {
    this.#tap.destroy();
  }

  #listen(stream: Duplex): void {
    stream.on("data", (chunk: Buffer) => {
      if (stream === this.#tap) this.clear += chunk.toString("latin1");
      else this.secret += chunk.toString("latin1");
      this.#arrived();
    });
    const end = () => {
      if (stream !== this.#stream) return;
      this.#ended = true;
      this.#arrived();
    };
    stream.on("end", end).on("close", end).on("error", end);
  }

  /** @throws Gone */
  async #more(): Promise<void> {
    if (this.#ended) throw new Gone();
    await Promise.race([new Promise<void>((resolve) => (this.#arrived = resolve)), late("the gateway")]);
  }
}

/** Rejects when patience is over. */
function late(what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new assert.AssertionError({ message: `waited in vain for ${what}` })), PATIENCE).unref();
  });
}

/** What the server does for each connection. */
export type Script = (caller: Caller) => Promise<void>;

export interface Fake {
  readonly port: number;
  readonly callers: readonly Caller[];
  /** Resolves when every script has ended. @throws what one has thrown, unless it is that the gateway had gone */
  played(): Promise<void>;
}

/** Starts it on a free loopback port; gone with its test. */
export async function startFake(t: TestContext, script: Script): Promise<Fake> {
  const callers: Caller[] = [];
  const plays: Promise<unknown>[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const caller = new Caller(socket);
    callers.push(caller);
    const play = script(caller).catch((thrown: Error) => (thrown instanceof Gone ? null : thrown));
    plays.push(play);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const caller of callers) caller.destroy();
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    callers,
    async played() {
      for (const play of plays) {
        const fault = await play;
        if (fault) throw fault;
      }
    },
  };
}
