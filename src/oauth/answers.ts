/**
 * What openid-client gets of a provider's answer: the members that the gateway needs, in the forms that it takes.
 *
 * A provider that rotates refresh tokens has made the old one worthless when its answer is there. An answer that is
 * refused for something that nobody needs, such as `"scope": null`, would cost the account.
 */

import { withoutSecrets } from "../protocol/quotation";

/** The members of a request that are secret. */
const SECRET = ["refresh_token", "client_secret", "assertion", "code", "code_verifier", "device_code"] as const;

/** An answer that is complete. */
interface ProviderAnswer {
  readonly status: number;
  readonly body: Buffer | string;
}

/**
 * An answer in the form that openid-client takes. Of one with tokens, only what is known and usable is left, the ID
 * token not: its check would fail with a clock that is wrong. Of one with an error, the description is left out if it
 * quotes a secret of the request. Any other answer stays as it is.
 *
 * @param sent the body of the request
 */
export function plainAnswer({ status, body }: ProviderAnswer, sent: string): ProviderAnswer {
  const read = objectOf(body);
  if (!read) return { status, body };
  if (typeof read.access_token === "string" && status < 300) return { status: 200, body: tokenText(read) };
  const { error, error_description: given } = read;
  if (typeof error !== "string" || status < 400) return { status, body };
  const asked = new URLSearchParams(sent);
  const secrets = SECRET.map((name) => asked.get(name) ?? "");
  const description = typeof given === "string" ? { error_description: withoutSecrets(given, secrets) } : {};
  return { status, body: JSON.stringify({ error: withoutSecrets(error, secrets), ...description }) };
}

function tokenText(read: Record<string, unknown>): string {
  const { access_token, token_type: type, expires_in, refresh_token: refresh } = read;
  const life = Number(expires_in);
  return JSON.stringify({
    access_token,
    token_type: typeof type === "string" ? type : "bearer",
    ...(life > 0 && life < Number.POSITIVE_INFINITY && { expires_in: life }),
    ...(typeof refresh === "string" && refresh !== "" && { refresh_token: refresh }),
  });
}

function objectOf(body: Buffer | string): Record<string, unknown> | null {
  try {
    const read = JSON.parse(body.toString("utf8").replace(/^\uFEFF/, ""));
    return typeof read === "object" && !Array.isArray(read) ? read : null;
  } catch {
    return null;
  }
}
