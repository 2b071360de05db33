/** Triton's client from PyPI. */
import { pythonEnvironment, startPythonClient } from './python-client.ts';

const environment = pythonEnvironment('inference');

export const withTriton: boolean = environment.isThere;

export interface TritonClient {
  /** Rejects with the status and message that the client raised. */
  call(name: string, args?: readonly unknown[], more?: object): Promise<unknown>;
  stop(): Promise<void>;
}

export async function tritonClient(url: string, key: string): Promise<TritonClient> {
  const client = await startPythonClient(environment, [url.replace('http://', ''), key]);
  return {
    call: async (name, args = [], more = {}) => {
      const { answer, raised } = await client.ask({ call: name, args, more });
      if (raised !== undefined) throw new Error((raised as string[]).join(' '));
      return answer;
    },
    stop: client.stop,
  };
}
