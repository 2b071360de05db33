// Registry: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const registry: Section = {
  'Versions count up from 1 for each model and never change; artifacts are content-addressed (SHA-256) and verified when read.':
    {},
  'Stages development → staging → production → archived, one production version a model.': {},
  'Every move is appended with who, why and when: what was in production at a time is one query, `models rollback` is one command.':
    {},
  'A gate that cannot be evaluated refuses.': {},
  "The lineage of a version: run, code, data (sources' snapshots, spine, feature-set versions), parameters.": {},
};
