/** A route of MLflow's REST interface, which answers and refuses as MLflow does. */
import type { Caller } from '../auth.ts';
import { type Answer, json, type Route } from '../route.ts';
import { mlflowRefusal } from './errors.ts';
import { type Asked, askedOf } from './request.ts';

export const API = '/api/2.0/mlflow';

const OBJECT = { type: ['object', 'string'] } as const;

/** `path`: below `/api/2.0/mlflow/`. */
export function mlflowRoute(
  method: Route['method'],
  path: string,
  summary: string,
  answer: (asked: Asked, caller: Caller) => Promise<unknown>,
): Route {
  return {
    method,
    path: `${API}/${path}`,
    operationId: `mlflow${method === 'GET' ? 'Get' : method[0] + method.slice(1).toLowerCase()}${pascal(path)}`,
    summary,
    tag: 'mlflow',
    refuse: mlflowRefusal,
    ...(method !== 'GET' && { body: OBJECT }),
    answers: { 200: { description: "MLflow's message." } },
    handle: async (call): Promise<Answer> => json(200, await answer(askedOf(call, method), call.caller)),
  };
}

const pascal = (path: string): string =>
  path
    .split(/[^a-z]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
