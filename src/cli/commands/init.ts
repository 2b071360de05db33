import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { string } from '@oclif/core/flags';
import { MlopsError } from '../../lib/error.ts';
import { didYouMean } from '../../lib/suggest.ts';
import { BaseCommand } from '../base-command.ts';
import { word } from '../word.ts';
import { writing } from '../writing.ts';

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));

/** Name to folder of the package. */
const TEMPLATES: Readonly<Record<string, string>> = {
  minimal: 'templates/minimal',
  healthcare: 'examples/healthcare',
};

/** What runs plan and apply in continuous integration: file of the package, and where the code host looks for it. */
const CI: Readonly<Record<string, { readonly from: string; readonly to: string }>> = {
  github: { from: 'templates/ci/github.yml', to: '.github/workflows/mlops.yml' },
  gitlab: { from: 'templates/ci/gitlab.yml', to: '.gitlab-ci.yml' },
};

export default class Init extends BaseCommand {
  static override summary = 'Make a new project that plans clean as it is.';
  static override args = { dir: word({ description: 'Folder to make it in.', default: '.' }) };
  static override flags = {
    template: string({ description: `One of ${Object.keys(TEMPLATES).join(', ')}.`, default: 'minimal' }),
    ci: string({
      description:
        'Also write a pipeline that plans pull requests and applies merges. In a project that is there already only that.',
      options: Object.keys(CI),
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init);
    const source = TEMPLATES[flags.template];
    if (source === undefined) {
      throw new MlopsError('CL101', {
        detail: `There is no template "${flags.template}".`,
        hint: didYouMean(flags.template, Object.keys(TEMPLATES)),
      });
    }
    const target = resolve(args.dir);
    const ci = CI[flags.ci ?? ''];
    const pipeline = ci === undefined ? [] : [{ from: join(PACKAGE, ci.from), to: join(target, ci.to) }];
    const pipelineOnly = ci !== undefined && (await holdsConfig(target));
    const template = pipelineOnly
      ? []
      : (await filesOf(join(PACKAGE, source))).map((file) => ({
          from: join(PACKAGE, source, file),
          to: join(target, installed(file)),
        }));
    const files = [...template, ...pipeline];
    const taken = files.filter(({ to }) => existsSync(to));
    if (taken.length > 0) {
      throw new MlopsError('CL102', {
        detail: `${relative(process.cwd(), taken[0]?.to ?? '') || taken[0]?.to} is there already; nothing was written.`,
        hint: pipelineOnly ? 'remove it first' : 'choose an empty folder: mlops init FOLDER',
      });
    }
    const ignore = join(target, '.gitignore');
    const ignored = pipelineOnly || existsSync(ignore) || files.some(({ to }) => to === ignore);
    await writing(target, async () => {
      for (const { from, to } of files) {
        await mkdir(dirname(to), { recursive: true });
        await cp(from, to);
      }
      if (!ignored) await writeFile(ignore, '.mlops/\n');
    });
    if (!ignored) files.push({ from: '', to: ignore });
    const written = files.map(({ to }) => relative(target, to)).sort();
    const made = {
      directory: target,
      template: pipelineOnly ? null : flags.template,
      ci: flags.ci ?? null,
      files: written,
    };
    this.result(flags, made, () =>
      [
        ...written.map((file) => `  ${this.paint(flags).green('+')} ${file}`),
        ...(pipelineOnly ? [] : nextSteps(target)),
        ...(ci === undefined ? [] : ['', `${ci.to} says at its top what it needs.`]),
      ].join('\n'),
    );
  }
}

function nextSteps(target: string): readonly string[] {
  return [
    '',
    'Next:',
    ...(target === process.cwd() ? [] : [`  cd ${relative(process.cwd(), target)}`]),
    '  mlops plan     shows what would be made',
    '  mlops apply    makes it',
    '  mlops daemon   runs pipelines and serves features',
  ];
}

async function holdsConfig(folder: string): Promise<boolean> {
  return existsSync(folder) && (await readdir(folder)).some((name) => name.startsWith('mlops.config.'));
}

/** npm leaves out files named .gitignore; the templates spell it without the dot. */
const installed = (file: string): string => (basename(file) === 'gitignore' ? join(dirname(file), '.gitignore') : file);

async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('.mlops'));
}
