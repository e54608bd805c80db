// Answers that come piece by piece: server-sent events over fetch, since EventSource cannot post.
// The session's cookie and the header against forged requests go with it, as with every request.
import { ApiError, error_from, is_gone, session_ended } from './api';

export interface Heard {
  data: (text: string) => void; // of an event
  comment: (text: string) => void;
}

function line_hear(line: string, heard: Heard): void {
  if (line.startsWith('data:')) heard.data(line.slice(5).trim());
  else if (line.startsWith(':')) heard.comment(line.slice(1).trim());
}

async function open(path: string, body: unknown, abort: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Courtyard': '1' },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: abort,
      body: JSON.stringify(body),
    });
  } catch (error) {
    if (is_gone(error)) throw error;
    throw new ApiError(0, { code: 'page.offline' }, [], 0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) session_ended();
  throw error_from(answer.status, await answer.text(), answer.headers.get('Retry-After'));
}

// Resolves when the stream has ended, however it did; what was refused is an ApiError, a connection
// that broke one with the code "chat.lost".
export async function stream(
  path: string,
  body: unknown,
  abort: AbortSignal,
  heard: Heard,
): Promise<void> {
  const answer = await open(path, body, abort);
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    let piece: ReadableStreamReadResult<Uint8Array>;
    try {
      piece = await reader.read();
    } catch (error) {
      if (is_gone(error)) throw error;
      throw new ApiError(0, { code: 'chat.lost' }, [], 0);
    }
    rest += decoder.decode(piece.value, { stream: !piece.done });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) line_hear(line, heard);
    if (piece.done) return;
  }
}
