// The gallery: five fields, what each pilot needs and gives; and one's own runs.
import { LinkButton } from '../components/form';
import { Badge, Card, Page, Shown } from '../components/page';
import { RunState, words } from '../components/pilot';
import { Facts, Pager, Table } from '../components/table';
import { ago } from '../format';
import { useGet } from '../load';
import { t } from '../messages';
import { query_number } from '../router';
import { may } from '../state';
import type { List } from '../types';
import { FIELDS, type Pilot, type PilotRun } from '../types_pilot';

const SIZE = 10;

function One({ pilot }: { pilot: Pilot }) {
  return (
    <Card
      title={words(pilot.title)}
      actions={
        may('research') && (
          <LinkButton href={`/pilots/${pilot.id}`} kind="primary" icon="arrow">
            <span>{t('pilot.choose')}</span>
            <span class="hidden-text">{words(pilot.title)}</span>
          </LinkButton>
        )
      }
    >
      <Facts
        items={[
          [t('pilot.needs'), words(pilot.needs)],
          [t('pilot.gives'), words(pilot.summary)],
        ]}
      />
      {pilot.demonstration.kind && (
        <p>
          <Badge tone={pilot.demonstration.kind === 'synthetic' ? 'warn' : 'accent'}>
            {t(`pilot.demonstration.${pilot.demonstration.kind}`)}
          </Badge>
        </p>
      )}
    </Card>
  );
}

function Runs({ runs, pilots }: { runs: List<PilotRun>; pilots: Pilot[] }) {
  if (!runs.total) return null;
  return (
    <Card title={t('pilot.runs')} flush>
      <Table label={t('pilot.runs')}>
        <thead>
          <tr>
            <th>{t('model.name')}</th>
            <th>{t('pilot.one')}</th>
            <th>{t('job.state')}</th>
            <th>{t('job.created')}</th>
          </tr>
        </thead>
        <tbody>
          {runs.items.map((run) => (
            <tr key={run.id}>
              <th scope="row">
                <a href={`/pilot-runs/${run.id}`}>{run.name}</a>
              </th>
              <td>{words(pilots.find((one) => one.id === run.pilot)?.title) || run.pilot}</td>
              <td>
                <RunState run={run} />
              </td>
              <td>
                {run.owner} · {ago(run.created_ms)}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Pager page={runs.page} size={runs.size} total={runs.total} />
    </Card>
  );
}

export default function PilotsPage() {
  const page = query_number('page', 1);
  const pilots = useGet<Pilot[]>('/pilots');
  const runs = useGet<List<PilotRun>>(`/pilot-runs?page=${page}&size=${SIZE}`);
  return (
    <Page title={t('nav.pilots')} lead={t('pilot.lead')}>
      {runs.data && <Runs runs={runs.data} pilots={pilots.data ?? []} />}
      <Shown from={pilots} lines={8}>
        {(all) => (
          <>
            {FIELDS.filter((field) => all.some((one) => one.field === field)).map((field) => (
              <section key={field} class="pilot-field">
                <h2>{t(`pilot.field.${field}`)}</h2>
                <div class="pilot-cards">
                  {all
                    .filter((one) => one.field === field)
                    .map((one) => (
                      <One key={one.id} pilot={one} />
                    ))}
                </div>
              </section>
            ))}
          </>
        )}
      </Shown>
    </Page>
  );
}
