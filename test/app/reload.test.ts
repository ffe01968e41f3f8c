/** What becomes of a SIGHUP before the gateway serves, and after it has begun to end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Reload } from "../../src/app/reload";
import type { Gateway } from "../../src/gateway/gateway";
import { Listener } from "../../src/listen/listener";
import { Notify } from "../../src/process/notify";
import { settingsFor } from "../stage/settings";
import { until } from "../stage/waiting";

/** A gateway that does not listen, and what it does at SIGHUP. @param opened resolves when it may have opened listeners */
function stage(opened = Promise.resolve()): { reload: Reload; listener: Listener; log: string[] } {
  const settings = settingsFor({ server: { host: "mail", port: null } });
  const gateway = { service: settings.services[0], memory: {}, warnings: [] } as unknown as Gateway;
  const listener = new Listener([gateway], 0);
  const log: string[] = [];
  const reread = () => {
    log.push("read");
    return settings;
  };
  const replace = async () => {
    await opened;
    if (listener.closing) throw new Error("the gateway ends");
    log.push("replaced");
  };
  const reload = new Reload(
    { settings, reread },
    {
      make: async () => [gateway],
      acceptor: { replace },
      listener,
      watching: null,
      notify: new Notify({}, () => assert.fail()),
      emit: (name) => void log.push(name),
    },
  );
  return { reload, listener, log };
}

test("a reload waits until the gateway serves; one that ends reads nothing any more", async () => {
  const { reload, listener, log } = stage();
  const first = reload.run();
  await new Promise(setImmediate);
  assert.deepEqual(log, []);
  reload.begin();
  await first;
  assert.deepEqual(log.splice(0), ["read", "replaced", "reload"]);
  await listener.close();
  await reload.run();
  assert.deepEqual(log, []);
});

test("a reload that the end of the gateway overtakes is no fault", async () => {
  let open = () => {};
  const { reload, listener, log } = stage(
    new Promise((resolve) => {
      open = resolve;
    }),
  );
  reload.begin();
  const underWay = reload.run();
  await until(() => log.length > 0, "the reload");
  await listener.close();
  open();
  await underWay;
  assert.deepEqual(log, ["read"]);
});
