/** A clamd that a test plays: what it answers to a body, and when. */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { atEnd } from "./ending";

/** The standard's test file; in two parts, so that no scanner takes this file for it. */
export const EICAR = `X5O!P%@AP[4\\PZX54(P^)7CC)7}$${"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"}!$H+H*`;

/** What it says to a body, without the NUL; null: nothing, and the connection stays open; "": it closes. */
export type Answer = (body: Buffer) => string | null | Promise<string | null>;

/** Finds EICAR, as clamd does. */
export const honest: Answer = (body) => (body.includes(EICAR) ? "stream: Eicar-Test-Signature FOUND" : "stream: OK");

export class FakeClamd {
  /** The bodies that it has got. */
  readonly bodies: Buffer[] = [];
  /** How often it was asked PING. */
  pings = 0;
  answer: Answer = honest;
  /** What it says to PING. */
  pong: string | null = "PONG";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      this.#serve(socket);
    });
  }

  /** @param t with which it ends @param path of a socket; default: a free port of 127.0.0.1 */
  static async start(t: TestContext | null, path?: string): Promise<FakeClamd> {
    const clamd = new FakeClamd();
    await once(clamd.#server.listen(path ? { path } : { port: 0, host: "127.0.0.1" }), "listening");
    if (t) atEnd(t, () => clamd.stop());
    return clamd;
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let heard = Buffer.alloc(0);
    socket.on("data", (octets: Buffer) => {
      heard = Buffer.concat([heard, octets]);
      const command = heard.toString("latin1", 0, heard.indexOf(0));
      if (command === "zPING") {
        this.pings++;
        reply(socket, this.pong);
      } else if (command === "zVERSION") {
        reply(socket, "ClamAV 0.0.0/1/Thu Jan  1 00:00:00 1970");
      } else if (command === "zINSTREAM") {
        const body = complete(heard.subarray(command.length + 1));
        if (!body) return;
        this.bodies.push(body);
        socket.removeAllListeners("data").resume();
        void Promise.resolve(this.answer(body)).then((answer) => reply(socket, answer));
      }
    });
  }
}

function reply(socket: Socket, answer: string | null): void {
  if (answer === null) return;
  socket.end(answer === "" ? "" : `${answer}\0`, "latin1");
}

/** The chunks of a body, if its last one is there. */
function complete(octets: Buffer): Buffer | null {
  const chunks: Buffer[] = [];
  for (let at = 0; at + 4 <= octets.length; ) {
    const length = octets.readUInt32BE(at);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(octets.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return null;
}
