// Registry: the tests that hold each sentence.
import type { Section } from './sentences.ts';

export const registry: Section = {
  'Versions count up from 1 for each model and never change; artifacts are content-addressed (SHA-256) and verified when read.':
    {
      'contract/registry.test.ts': [
        'counts versions from 1 and keeps what was registered as it was',
        'numbers versions without gaps when many register at once',
        'refuse to change a version or a move, whoever asks',
      ],
      'contract/artifacts.test.ts': [
        'gives back what was put, under its SHA-256',
        'never hands out damaged bytes, and heals by storing them again',
      ],
    },
  'Stages development → staging → production → archived, one production version a model.': {
    'registry/registry.test.ts': ['after %s it is %s', 'never moves a version back to development'],
    'contract/registry.test.ts': [
      'keeps one version in production when many promote at once',
      'archives the version in production when another enters, in one move',
    ],
  },
  'Every move is appended with who, why and when: what was in production at a time is one query, `models rollback` is one command.':
    {
      'contract/registry.test.ts': [
        'records gates, who and why with the move, and moving again changes nothing',
        'tells what was in production at any time, to the millisecond that history answers',
      ],
      'registry/registry.test.ts': [
        'rolls back to the version before, further each time, past gates it would not pass now',
      ],
    },
  'A gate that cannot be evaluated refuses.': {
    'registry/gates.test.ts': [
      'a missing metric refuses every rule, and never passes',
      'atLeast refuses where the version at the stage was never measured',
    ],
    'registry/registry.test.ts': ['refuses an unmeasured version, saying how to measure it'],
  },
  'Tags, descriptions and aliases change; each change is appended with who and when.': {
    'contract/registry-labels.test.ts': [
      'changes tags and description of a version, tells what changed, and leaves no trace where nothing did',
      'refuse to change what was appended, and let a version that was deleted not come back',
      'leave one audit entry a change',
    ],
  },
  'An alias names one version at a time.': {
    'contract/registry-labels.test.ts': [
      'gives an alias to one version at a time and tells the version of it',
      'sets one alias from many places at once, and each of them is in the history',
    ],
  },
  'A version or a model is deleted only where nothing refers to it (MD208).': {
    'contract/registry-labels.test.ts': [
      'refuses to delete what is served, named by an alias or named by a resource, and says who refers',
      'refuses to delete a model that specs declare',
    ],
  },
  'Its number is never given again, its history stays, and what was in production then is still told.': {
    'contract/registry-labels.test.ts': [
      'deletes a version that nothing refers to: it is not found, its number is not given again, its history stays',
      'deletes a model with its versions and aliases; made anew its numbers go on',
    ],
    'registry/labels.test.ts': ['tells how a model stood at any time, also of what was moved and deleted since'],
  },
  'Content of an artifact is the same on every store; whoever reads damaged content never has all of it.': {
    'contract/artifacts.test.ts': [
      'gives back what was put, under its SHA-256',
      'never hands out damaged bytes, and heals by storing them again',
    ],
  },
  'A model card shows what people wrote as text, whatever it looks like.': {
    'registry/card.test.ts': [
      'shows %j as the text that it is, on a page',
      'shows %j as the text that it is, in Markdown',
    ],
  },
  "The lineage of a version: run, code, data (sources' snapshots, spine, feature-set versions), parameters.": {
    'registry/registry.test.ts': ['registers and promotes as tasks of a run do: twice is once, with lineage'],
  },
};
