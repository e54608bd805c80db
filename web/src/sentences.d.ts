// Parts of the sentences, made by the build from messages/*.json: messages:gate/en, messages:rest/en, …
declare module 'messages:*' {
  const texts: Record<string, string>;
  export default texts;
}
