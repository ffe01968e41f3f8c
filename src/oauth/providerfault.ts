/** Why there is no token. */

/**
 * Why a provider has issued no token. `expired`: it has withdrawn what a person has granted. `refused`: it does not
 * take the gateway, or what it asks for. `unavailable`: it can't be asked now.
 */
export type ProviderFaultKind = "expired" | "refused" | "unavailable";

/** No token; the message says why, in words. */
export class ProviderFault extends Error {
  constructor(
    readonly kind: ProviderFaultKind,
    message: string,
  ) {
    super(message);
  }
}
