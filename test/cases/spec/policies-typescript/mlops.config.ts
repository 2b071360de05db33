import { defineConfig, entity, policy } from 'mlops';

const patient = entity('patient', { keys: { id: 'int64' } });

const each = policy('each', {
  enforcement: 'deny',
  message: 'Data of {change.before.owner} and {change.adress} stays.',
  each: "plan.environment == 'prod' && change.clas == 'destructive'",
});

const when = policy('when', {
  enforcement: 'warn',
  message: `Much goes at once:
    {plan.summary.deleted} resources.`,
  when: 'plan.summary.delete > 5 && plan.changes.first.kind == "model"',
});

const broken = policy('broken', {
  enforcement: 'deny',
  message: 'Not {plan.project + }.',
  when: 'plan.changes.exists(c, c.kind == "model" &&)',
});

const reading = policy('reading', {
  enforcement: 'deny',
  message: 'No.',
  when: 'change.kind == "model" || size(plan.chnges) > 3',
});

const both = policy('both', {
  enforcement: 'block' as 'deny',
  message: 'No.',
  each: 'true',
  when: 'true',
});

const neither = policy('neither', { enforcement: 'deny', message: 'No.' });

const text = policy('text', { enforcement: 'deny', message: 'No.', check: '() => []' as never });

export default defineConfig({
  project: 'clinic',
  resources: [patient, each, when, broken, reading, both, neither, text],
});
