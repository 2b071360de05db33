/**
 * GitHub's REST API as far as a workflow needs it that comments on a pull request: issue comments (pages by `Link`, which point at
 * /repositories/ID), and the pull requests of a commit. As an Enterprise Server has it, under /api/v3.
 * https://docs.github.com/en/rest/issues/comments, /rest/commits/commits, /rest/using-the-rest-api/using-pagination-in-the-rest-api
 */
import { type Answer, type ApiServer, type Asked, linkHeader, pageOf, serve } from './http.ts';

export interface GithubComment {
  readonly id: number;
  readonly user: { readonly login: string; readonly type: string } | null;
  body: string;
}

export interface GithubPull {
  readonly number: number;
  readonly merged_at: string | null;
  readonly base: { readonly ref: string };
  readonly labels: readonly { readonly name: string }[];
}

export interface GithubApi extends ApiServer {
  readonly apiUrl: string;
  /** Of pull request 7 of acme/clinic, the oldest first. */
  readonly comments: GithubComment[];
  /** Of the commit that was pushed. */
  readonly pulls: GithubPull[];
}

const BODY_LIMIT = 65_536;
const REPOSITORY = '/api/v3/repos/acme/clinic';

/** `token`: what the workflow is given, with the permissions of its job. */
export async function playGithub(
  token: () => { readonly value: string; readonly mayWrite: boolean },
): Promise<GithubApi> {
  const comments: GithubComment[] = [];
  const pulls: GithubPull[] = [];
  const server = await serve((asked, origin) => {
    if (asked.headers['user-agent'] === undefined) return problem(403, 'Request forbidden by administrative rules.');
    if (asked.headers.authorization !== `Bearer ${token().value}`) return problem(401, 'Bad credentials');
    if (asked.headers['x-github-api-version'] !== '2022-11-28') return problem(400, 'Version is missing');
    return answer(asked, origin);
  });

  function answer(asked: Asked, origin: string): Answer {
    const { method, path, query } = asked;
    const list = path === `${REPOSITORY}/issues/7/comments` || path === '/api/v3/repositories/42/issues/7/comments';
    if (list && method === 'GET') {
      const { items, next, previous, last } = pageOf(comments, query, 30);
      const url = `${origin}/api/v3/repositories/42/issues/7/comments`;
      const link = linkHeader(url, query, {
        prev: previous,
        next,
        last: next === undefined ? undefined : last,
        first: previous === undefined ? undefined : 1,
      });
      return { status: 200, body: items, ...(link !== '' && { headers: { Link: link } }) };
    }
    if (/^\/commits\/[0-9a-f]{40}\/pulls$/.test(path.slice(REPOSITORY.length)) && method === 'GET')
      return { status: 200, body: pulls };
    if (list && method === 'POST') return written(asked, (body) => create(body));
    const id = /^\/issues\/comments\/(\d+)$/.exec(path.slice(REPOSITORY.length))?.[1];
    const comment = comments.find((one) => String(one.id) === id);
    if (comment !== undefined && method === 'PATCH') {
      return written(asked, (body) => {
        comment.body = body;
        return { status: 200, body: comment };
      });
    }
    return problem(404, 'Not Found');
  }

  function create(body: string): Answer {
    const comment = { id: 1000 + comments.length, user: { login: 'github-actions[bot]', type: 'Bot' }, body };
    comments.push(comment);
    return { status: 201, body: comment };
  }

  function written(asked: Asked, write: (body: string) => Answer): Answer {
    if (!token().mayWrite) return problem(403, 'Resource not accessible by integration');
    let body: unknown;
    try {
      ({ body } = JSON.parse(asked.body) as { body: unknown });
    } catch {
      return problem(400, 'Problems parsing JSON');
    }
    if (typeof body !== 'string' || body.trim() === '') return problem(422, 'Validation Failed');
    if ([...body].length > BODY_LIMIT)
      return problem(422, `Validation Failed: Body is too long (maximum is ${BODY_LIMIT} characters)`);
    return write(body);
  }

  return Object.assign(server, { apiUrl: `${server.url}/api/v3`, comments, pulls });
}

function problem(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) } };
}
