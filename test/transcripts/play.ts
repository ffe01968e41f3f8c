/**
 * Plays a transcript: a scripted client and a scripted server with a real gateway between them, over real sockets.
 */

import { AssertionError } from "node:assert/strict";
import { Accepting } from "../stage/accepting";
import { LONG } from "../stage/draws";
import { startGateway, type TestGateway, underTls } from "../stage/gateway";
import { cert, key } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { PATIENCE } from "../stage/waiting";
import type { Step, Transcript } from "./transcript";

/** How a peer's octets are cut into segments. */
export type Style = "line by line" | "octet by octet" | "as much as there is";

/** Where a peer stops to play, and how. */
export interface Cut {
  readonly leg: "client" | "server";
  /** After so many octets of what this peer says. */
  readonly at: number;
  readonly how: "closes" | "resets";
}

/** Which legs are under TLS. */
export interface Legs {
  readonly client: boolean;
  readonly server: boolean;
}

const IN_CLEAR: Legs = { client: false, server: false };

/** The server's part waits for all that the client says before its login. */
const UNDIALLED = 4 * PATIENCE;

/** So many octets at the end of a line come one by one in any case. */
const SINGLE = 64;

/** What one play came to. */
export interface Outcome {
  readonly clientHeard: string;
  readonly serverHeard: string;
  readonly reason: string;
  readonly closeLines: number;
}

/** A gateway in front of a scripted server, for one play. */
export class Stage {
  readonly #legs: Legs;
  readonly #accepting: Accepting;
  #gateway!: TestGateway;

  constructor(legs: Legs = IN_CLEAR) {
    this.#legs = legs;
    this.#accepting = new Accepting(legs.server ? { cert, key } : undefined);
  }

  async open(transcript: Transcript): Promise<void> {
    const settings = { ...transcript.settings, ...underTls(this.#legs) };
    this.#gateway = await startGateway(await this.#accepting.open(), settings);
  }

  #connect(): Promise<Peer> {
    return this.#legs.client ? Peer.connectTls(this.#gateway.port, { ca: cert }) : Peer.connect(this.#gateway.port);
  }

  async close(): Promise<void> {
    await this.#gateway.close();
    await this.#accepting.close();
  }

  /** Plays it to its end. @throws AssertionError if anybody hears what is not in the script */
  async play(transcript: Transcript, style: Style): Promise<void> {
    await playThrough(await this.#connect(), this.#accepting, transcript, style);
    await this.#gateway.logged("close");
  }

  /** Plays it until the cut; both sides then hear what they hear. */
  async playCut({ client, server }: Transcript, cut: Cut): Promise<Outcome> {
    const front = await this.#connect();
    let heard = "";
    const behind =
      server.length > 0
        ? this.#accepting.next(UNDIALLED).then(async (peer) => {
            await perform(peer, cut.leg === "server" ? shortened(server, cut) : server, "line by line").catch(() => {});
            peer.end();
            await peer.expectClose();
            heard = peer.heard;
          })
        : null;
    await perform(front, cut.leg === "client" ? shortened(client, cut) : client, "line by line").catch(() => {});
    front.end();
    const { fields } = await this.#gateway.logged("close");
    await front.expectClose();
    // A session that was cut off before its login has dialled nobody: then the server's part is never played.
    if (this.#accepting.count > 0) await behind;
    const closeLines = this.#gateway.log.filter(({ event }) => event === "close").length;
    return { clientHeard: front.heard, serverHeard: heard, reason: String(fields.reason), closeLines };
  }
}

/**
 * Plays a transcript to its end, whatever is between the two.
 *
 * @param front the client
 * @param accepting where the server waits
 * @throws AssertionError if anybody hears what is not in the script
 */
export async function playThrough(
  front: Peer,
  accepting: Accepting,
  { client, server }: Transcript,
  style: Style,
): Promise<void> {
  const behind = server.length > 0 ? accepting.next(UNDIALLED) : null;
  const back = behind?.then(async (peer) => {
    await perform(peer, server, style);
    peer.end();
    await peer.expectClose();
  });
  await Promise.all([perform(front, client, style), back]);
  front.end();
  await front.expectEnd();
}

/** A script that ends where the cut is. */
function shortened(steps: readonly Step[], cut: Cut): Step[] {
  const kept: Step[] = [];
  let left = cut.at;
  for (const step of steps) {
    if (step.by === "peer" && "octets" in step) {
      if (step.octets.length >= left) {
        const { where } = step;
        if (left > 0) kept.push({ by: "peer", where, octets: step.octets.slice(0, left) });
        kept.push({ by: "peer", where, end: cut.how });
        return kept;
      }
      left -= step.octets.length;
    }
    kept.push(step);
  }
  return kept;
}

async function perform(peer: Peer, steps: readonly Step[], style: Style): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (step.by === "peer") {
      if ("octets" in step)
        await write(peer, style === "as much as there is" ? joined(steps, index) : step.octets, style);
      else if (step.end === "closes") peer.end();
      else peer.reset();
    } else {
      await ("octets" in step ? peer.expect(step.octets) : peer.expectEnd()).catch((thrown: Error) => {
        throw located(thrown, step.where);
      });
    }
  }
}

/** The failure of a step, with its place in front of the message. */
function located(thrown: Error, where: string): Error {
  const message = `${where}: ${thrown.message}`;
  return thrown instanceof AssertionError ? new AssertionError({ message }) : new Error(message, { cause: thrown });
}

/** This step's octets and those of the steps that follow it without a pause; "" if it was part of such a run. */
function joined(steps: readonly Step[], index: number): string {
  const says = (step: Step | undefined) => (step?.by === "peer" && "octets" in step ? step.octets : null);
  if (says(steps[index - 1]) !== null) return "";
  let octets = "";
  for (let at = index; says(steps[at]) !== null; at++) octets += says(steps[at]);
  return octets;
}

async function write(peer: Peer, octets: string, style: Style): Promise<void> {
  if (style !== "octet by octet") return peer.write(octets);
  // The short form has no single octets at the beginning of a long line.
  const head = LONG ? 0 : Math.max(octets.length - SINGLE, 0);
  for (const segment of [...(octets.slice(0, head).match(/.{1,32}/gs) ?? []), ...octets.slice(head)]) {
    await peer.write(segment);
    await new Promise(setImmediate);
  }
}
