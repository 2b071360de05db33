/**
 * GitLab's REST API as far as a pipeline needs it that writes a note on a merge request: whose token it is, notes (pages by `X-Next-Page`; only
 * who wrote one may change it), and the merge requests of a commit. A job's own token is taken nowhere here.
 * https://docs.gitlab.com/api/notes/, /api/commits/, /api/rest/#pagination, /ci/jobs/ci_job_token/
 */
import { type Answer, type ApiServer, type Asked, linkHeader, pageOf, serve } from './http.ts';

export interface GitlabNote {
  readonly id: number;
  readonly author: { readonly id: number; readonly username: string };
  readonly system: boolean;
  body: string;
}

export interface GitlabMergeRequest {
  readonly iid: number;
  readonly state: 'opened' | 'closed' | 'merged';
  readonly target_branch: string;
  readonly labels: readonly string[];
}

export interface GitlabApi extends ApiServer {
  readonly apiUrl: string;
  /** Of merge request 7 of project 42, the oldest first. */
  readonly notes: GitlabNote[];
  /** Of the commit that was pushed. */
  readonly mergeRequests: GitlabMergeRequest[];
}

const BOT = { id: 77, username: 'project_42_bot_5f1c' };
const NOTE_LIMIT = 1_000_000;
const PROJECT = '/api/v4/projects/42';

export async function playGitlab(token: string): Promise<GitlabApi> {
  const notes: GitlabNote[] = [];
  const mergeRequests: GitlabMergeRequest[] = [];
  const server = await serve((asked, origin) => {
    if (asked.headers['private-token'] !== token) return { status: 401, body: { message: '401 Unauthorized' } };
    return answer(asked, origin);
  });

  function answer(asked: Asked, origin: string): Answer {
    const { method, path, query } = asked;
    if (path === '/api/v4/user' && method === 'GET') return { status: 200, body: BOT };
    if (new RegExp(`^${PROJECT}/repository/commits/[0-9a-f]{40}/merge_requests$`).test(path) && method === 'GET')
      return { status: 200, body: mergeRequests };
    const list = `${PROJECT}/merge_requests/7/notes`;
    if (path === list && method === 'GET') return listed(query, `${origin}${list}`);
    if (path === list && method === 'POST') {
      return written(asked, (body) => {
        const note = { id: 1000 + notes.length, author: BOT, system: false, body };
        notes.push(note);
        return { status: 201, body: note };
      });
    }
    const note = notes.find(({ id }) => path === `${list}/${id}`);
    if (note !== undefined && method === 'PUT') {
      if (note.author.id !== BOT.id) return { status: 403, body: { message: '403 Forbidden' } };
      return written(asked, (body) => {
        note.body = body;
        return { status: 200, body: note };
      });
    }
    return { status: 404, body: { message: '404 Not Found' } };
  }

  function listed(query: URLSearchParams, url: string): Answer {
    const sorted = query.get('sort') === 'asc' ? notes : [...notes].reverse();
    const { items, page, size, next, previous, last } = pageOf(sorted, query, 20);
    return {
      status: 200,
      body: items,
      headers: {
        Link: linkHeader(url, query, { prev: previous, next, first: 1, last }),
        'X-Next-Page': String(next ?? ''),
        'X-Page': String(page),
        'X-Per-Page': String(size),
        'X-Prev-Page': String(previous ?? ''),
        'X-Total': String(notes.length),
        'X-Total-Pages': String(last),
      },
    };
  }

  function written(asked: Asked, write: (body: string) => Answer): Answer {
    const body = new URLSearchParams(asked.body).get('body');
    if (body === null || body.trim() === '') return { status: 400, body: { error: 'body is missing' } };
    if (body.length > NOTE_LIMIT)
      return { status: 400, body: { message: '400 Bad request - Note {:note=>["is too long"]}' } };
    return write(body);
  }

  return Object.assign(server, { apiUrl: `${server.url}/api/v4`, notes, mergeRequests });
}
