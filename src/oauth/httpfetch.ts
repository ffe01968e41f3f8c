/**
 * `fetch` as openid-client needs it, by node:http: with the authorities that the system trusts, as for servers, with a
 * bound on answers, and without redirects.
 */

import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { SystemFault } from "../base/faults";
import { httpReason } from "../tls/httpreason";
import { systemContext } from "../tls/servers";

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
  const common = { method, headers: { ...headers, ...length }, agent: false as const, ...(signal && { signal }) };
  const request =
    to.protocol === "https:"
      ? httpsRequest(to, { ...common, secureContext: systemContext() } as Parameters<typeof httpsRequest>[1])
      : httpRequest(to, common);
  return new Promise((resolve, reject) => {
    request.once("error", (fault: SystemFault) => reject(signal?.aborted ? signal.reason : unanswered(fault)));
    request.once("response", (answer) => collected(answer).then(resolve, reject));
    request.end(sent);
  });
}

/** A whole answer. */
async function collected(answer: IncomingMessage): Promise<Response> {
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
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) headers.set(name, [value].flat().join(", "));
  return new Response(status === 204 ? null : withoutIdToken(Buffer.concat(chunks)), { status, headers });
}

/**
 * The ID token of OpenID Connect is of no use here. With a clock that is wrong its check would fail, when a provider
 * that rotates refresh tokens has made the old one worthless.
 */
function withoutIdToken(body: Buffer): Buffer | string {
  if (!body.includes('"id_token"')) return body;
  try {
    const { id_token, ...rest } = JSON.parse(body.toString("utf8"));
    return JSON.stringify(rest);
  } catch {
    return body;
  }
}

function unanswered(fault: SystemFault): Unanswered {
  return new Unanswered(httpReason(fault));
}
