// Every section of docs/semantics.md.
import { apply } from './apply.ts';
import { expectations } from './expectations.ts';
import { materialization } from './materialization.ts';
import { notificationsAndLogs } from './notifications-and-logs.ts';
import { onlineStore } from './online-store.ts';
import { plan } from './plan.ts';
import { pointInTime } from './point-in-time.ts';
import { registry } from './registry.ts';
import { rollouts } from './rollouts.ts';
import { runsAndTasks } from './runs-and-tasks.ts';
import type { Section } from './sentences.ts';
import { serving } from './serving.ts';
import { useOfFeatures } from './use-of-features.ts';

export const SECTIONS: Readonly<Record<string, Section>> = {
  Plan: plan,
  Apply: apply,
  'Point in time': pointInTime,
  'Online store': onlineStore,
  Materialization: materialization,
  Expectations: expectations,
  'Use of features': useOfFeatures,
  'Runs and tasks': runsAndTasks,
  'Notifications and logs': notificationsAndLogs,
  Registry: registry,
  Serving: serving,
  'Rollouts and results': rollouts,
};
