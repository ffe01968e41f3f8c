/**
 * `fetch` as openid-client needs it, by node:http: with the authorities that the system trusts, as for servers, with a
 * bound on answers, and without redirects.
 */

import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { SystemFault } from "../base/faults";
import { httpReason } from "../tls/httpreason";
import { systemContext } from "../tls/servers";
import { plainAnswer } from "./answers";

type CustomFetchOptions = import("openid-client", { with: { "resolution-mode": "import" }}).CustomFetchOptions;

/** The longest answer, in octets. */
const ANSWER_BOUND = 64 * 1024;

/** A provider that could not be asked; the message is in words. */
export class Unanswered extends Error {}

/** Sends a request. @throws Unanswered, or the reason of the signal */
export async function httpFetch(url: string, options: CustomFetchOptions): Promise<Response> {
  const { body, method, headers, signal } = options;
  signal?.throwIfAborted();
  const to = new URL(url);
  const sent = body === undefined || body === null ? "" : String(body);
  const length = sent === "" ? {} : { "content-length": String(Buffer.byteLength(sent)) };
  // Without this a server may compress its answer (RFC 9110, 12.5.3).
  const own = { "accept-encoding": "identity", ...length };
  const common = { method, headers: { ...headers, ...own }, agent: false as const };
  const request =
    to.protocol === "https:"
      ? httpsRequest(to, { ...common, secureContext: systemContext() } as Parameters<typeof httpsRequest>[1])
      : httpRequest(to, common);
  // As in timeLimit: an answer that came while this process stood still may have the only refresh token that counts.
  const giveUp = () => void setImmediate(() => request.destroy());
  signal?.addEventListener("abort", giveUp);
  const asked = new Promise<Response>((resolve, reject) => {
    const failed = (fault: Error) => reject(signal?.aborted ? signal.reason : withPlace(to, fault));
    request.once("error", (fault: SystemFault) => failed(unanswered(fault)));
    request.once("response", (answer) => collected(answer, sent).then((found) => resolve(placed(to, found)), failed));
    // Node tells an answer of another protocol by this event alone.
    request.once("upgrade", (_, socket) => {
      socket.destroy();
      failed(new Unanswered("an answer of another protocol"));
    });
    request.end(sent);
  });
  return asked.finally(() => signal?.removeEventListener("abort", giveUp));
}

/** A whole answer. @param sent the body of the request */
async function collected(answer: IncomingMessage, sent: string): Promise<Response> {
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    for await (const chunk of answer) {
      octets += (chunk as Buffer).length;
      if (octets > ANSWER_BOUND) break;
      chunks.push(chunk as Buffer);
    }
  } catch (thrown) {
    throw unanswered(thrown as SystemFault);
  }
  if (octets > ANSWER_BOUND) throw new Unanswered(`an answer of more than ${ANSWER_BOUND} octets`);
  const { statusCode: status = 0 } = answer;
  if (status >= 300 && status < 400) throw new Unanswered("it answers with a redirect, which is not followed");
  const { status: told, body } = plainAnswer({ status, body: Buffer.concat(chunks) }, sent);
  // Nothing else of the head counts; a challenge in it would hide the error that the body names.
  const headers = { "content-type": answer.headers["content-type"] ?? "" };
  return new Response(told === 204 ? null : body, { status: told, headers });
}

/** An address as it is told: of the parts of a URL, without those that may be secret. */
function placeShown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function withPlace(to: URL, fault: Error): Error {
  return fault instanceof Unanswered ? new Unanswered(`${placeShown(to)}: ${fault.message}`) : fault;
}

/** Says where an answer is from, as that of the global fetch does. */
function placed(to: URL, answer: Response): Response {
  return Object.defineProperty(answer, "url", { value: placeShown(to) });
}

function unanswered(fault: SystemFault): Unanswered {
  return new Unanswered(httpReason(fault));
}
