// Whom a conversation asks and how: one model or two, what they are told beforehand, how they choose
// their words.
import { PARAMS, changed, param_good, params_reset, useBeat, type Talk } from '../chat';
import { t } from '../messages';
import type { LanguageModel } from '../types_language';
import { Button, SelectField, TextField } from './form';

export function ModelChoice({ talk, models }: { talk: Talk; models: LanguageModel[] }) {
  useBeat();
  const choices = models.map((model) => ({ value: model.name, text: model.name }));
  const [first = '', second = ''] = talk.models;
  const choose = (a: string, b: string) => {
    talk.models = b ? [a, b] : [a];
    changed(talk);
  };
  // One that is gone stays named, so that nobody asks another one unawares.
  const gone = (name: string) =>
    name && !models.some((model) => model.name === name)
      ? [{ value: name, text: t('chat.gone', { name }) }]
      : [];
  const plain = models.filter((model) => talk.models.includes(model.name) && !model.chats);
  return (
    <>
      <div class="form-grid">
        <SelectField
          id="model"
          label={t('chat.model')}
          value={first}
          change={(name) => choose(name, second)}
          choices={[...gone(first), ...choices]}
        />
        <SelectField
          id="second"
          label={t('chat.second')}
          value={second}
          change={(name) => choose(first, name)}
          choices={[{ value: '', text: t('chat.alone') }, ...gone(second), ...choices]}
        />
      </div>
      {plain.map((model) => (
        <p class="hint" key={model.name}>
          {t('chat.plain', { name: model.name })}
        </p>
      ))}
    </>
  );
}

export function settings_show(field: string): void {
  const box = document.getElementById('settings') as HTMLDetailsElement | null;
  if (box) box.open = true;
  document.getElementById(field)?.focus();
}

export function Settings({ talk }: { talk: Talk }) {
  useBeat();
  return (
    <details class="advanced" id="settings">
      <summary>{t('chat.settings')}</summary>
      <div class="chat-settings">
        <TextField
          id="system"
          label={t('chat.system')}
          hint={t('chat.system.hint')}
          optional
          multiline={3}
          value={talk.system}
          change={(text) => {
            talk.system = text;
            changed(talk);
          }}
        />
        <div class="form-grid">
          {PARAMS.map((param) => {
            const value = talk.params[param.name] ?? '';
            const range = { least: String(param.least), most: String(param.most) };
            return (
              <TextField
                key={param.name}
                id={`param-${param.name}`}
                label={t(`chat.${param.name}`)}
                hint={t(`chat.${param.name}.hint`)}
                error={
                  param_good(param, value)
                    ? undefined
                    : t(param.whole ? 'chat.not_whole' : 'chat.not_between', range)
                }
                inputMode={param.whole ? 'numeric' : 'decimal'}
                value={value}
                change={(text) => {
                  talk.params[param.name] = text;
                  changed(talk);
                }}
              />
            );
          })}
        </div>
        <Button kind="quiet" icon="undo" onClick={() => params_reset(talk)}>
          {t('chat.reset')}
        </Button>
      </div>
    </details>
  );
}
