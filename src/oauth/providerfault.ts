/** Why there is no token, and what the faults of openid-client mean. */

import { Unanswered } from "./httpfetch";

/** The longest text of a provider that is told, in characters. */
const TEXT_BOUND = 300;

/** The OAuth library, which is a module of ECMAScript. */
export type OpenId = typeof import("openid-client", { with: { "resolution-mode": "import" }});

/**
 * Why a provider has issued no token. `expired`: it has withdrawn what a person has granted. `refused`: it does not
 * take the gateway, or what it asks for. `unavailable`: it can't be asked now.
 */
type ProviderFaultKind = "expired" | "refused" | "unavailable";

/** No token; the message says why, in words. */
export class ProviderFault extends Error {
  constructor(
    readonly kind: ProviderFaultKind,
    message: string,
  ) {
    super(message);
  }
}

/** Calls a function of openid-client. @throws ProviderFault instead of what it throws */
export async function faultsOf<Result>(openid: OpenId, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (thrown) {
    throw providerFaultOf(openid, thrown);
  }
}

/** Codes of RFC 6749, 5.2 and RFC 8628, 3.5 that end what a person has granted, or would have. */
const EXPIRED = new Set([
  "invalid_grant",
  "access_denied",
  "expired_token",
  "interaction_required",
  "consent_required",
]);

/** Codes that say that the provider can't do it now (RFC 6749, 4.1.2.1). */
const UNAVAILABLE = new Set(["temporarily_unavailable", "server_error", "slow_down"]);

/** The status of a provider that was asked too often (RFC 6585). */
const TOO_MANY = 429;

function providerFaultOf(openid: OpenId, thrown: unknown): ProviderFault {
  if (thrown instanceof ProviderFault) return thrown;
  if (thrown instanceof openid.ResponseBodyError || thrown instanceof openid.AuthorizationResponseError) {
    const { error, error_description: description } = thrown;
    const words = description === undefined ? printable(error) : `${printable(error)}, ${printable(description)}`;
    const status = "status" in thrown ? thrown.status : 0;
    const busy = UNAVAILABLE.has(error) || status >= 500 || status === TOO_MANY;
    return new ProviderFault(busy ? "unavailable" : EXPIRED.has(error) ? "expired" : "refused", words);
  }
  const unanswered = causesOf(thrown).find((one) => one instanceof Unanswered);
  if (unanswered) return new ProviderFault("unavailable", unanswered.message);
  const { name = "", message = String(thrown), cause } = thrown as Error;
  if (cause instanceof Response) {
    const type = printable(cause.headers.get("content-type") ?? "no type");
    const from = cause.url === "" ? "" : `${cause.url}: `;
    return new ProviderFault("unavailable", `${from}an answer with the status ${cause.status}, and of ${type}`);
  }
  const late = causesOf(thrown).some((one) => (one as Error).name === "TimeoutError");
  if (late || name === "TimeoutError") return new ProviderFault("unavailable", "no answer in time");
  return new ProviderFault("unavailable", `no answer of OAuth: ${printable(message)}`);
}

/** A thrown value and its causes. */
function causesOf(thrown: unknown): unknown[] {
  const found: unknown[] = [];
  for (let one = thrown; one instanceof Error && found.length < 5; one = one.cause) found.push(one);
  return found;
}

/** A text of a provider, for a log or a terminal. */
export function printable(text: string): string {
  return text.replace(/[^ -~]+/g, " ").slice(0, TEXT_BOUND);
}
