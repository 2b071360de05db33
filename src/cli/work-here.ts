/** Without a daemon a command works on what it started itself, until that ends. */
import type { OpenEnvironment } from '../compose.ts';
import type { Role } from '../daemon/presence.ts';

/** Whether live daemons do this environment's work. */
export async function isServed(environment: OpenEnvironment, roles: readonly Role[]): Promise<boolean> {
  const { liveDaemons } = await import('../daemon/presence.ts');
  const served = liveDaemons(environment.settings.root, environment.scope.environment).flatMap((one) => one.roles);
  return roles.every((role) => served.includes(role));
}

/** Returns the function that finishes what is in hand and stops. */
export async function workHere(environment: OpenEnvironment): Promise<() => Promise<void>> {
  const { scheduler, worker } = await environment.orchestrator();
  const [notifier, telemetry] = await Promise.all([environment.notifier(), environment.telemetry()]);
  await scheduler.start();
  await worker.start();
  notifier.start();
  telemetry.start();
  return async () => {
    await worker.drain();
    await scheduler.stop();
    await Promise.all([notifier.stop(), telemetry.stop()]);
  };
}
