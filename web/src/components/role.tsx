// How a column relates to a person: names them, helps to find them, is sensitive, or nothing.
import { t, t_or } from '../messages';
import { COLUMN_ROLES, type Column, type ColumnRole } from '../types';
import { Badge, Card } from './page';
import { Table } from './table';

export function role_name(role: string | undefined): string {
  return t_or(`role.${role || 'plain'}`, role ?? '');
}

export function RoleBadge({ role }: { role: string | undefined }) {
  if (!role || role === 'plain') return <span class="muted">{t('role.plain')}</span>;
  const tone = role === 'direct' ? 'bad' : role === 'quasi' ? 'warn' : 'accent';
  return <Badge tone={tone}>{role_name(role)}</Badge>;
}

export function RoleSelect({
  column,
  role,
  proposed,
  disabled,
  change,
}: {
  column: string;
  role: string | undefined;
  proposed?: string | undefined;
  disabled?: boolean;
  change: (role: ColumnRole) => void;
}) {
  const now = role || 'plain';
  return (
    <select
      class={`role role-${now}`}
      value={now}
      disabled={disabled}
      aria-label={t('role.of', { name: column })}
      onChange={(event) => change(event.currentTarget.value as ColumnRole)}
    >
      {COLUMN_ROLES.map((one) => (
        <option key={one} value={one} selected={one === now}>
          {role_name(one)}
          {one === proposed && one !== now ? ` · ${t('role.proposed')}` : ''}
        </option>
      ))}
    </select>
  );
}

// The columns of a revision or release with what they are, nothing to change.
export function ColumnsCard({ title, columns }: { title: string; columns: Column[] }) {
  return (
    <Card title={title} flush>
      <Table label={title} dense>
        <thead>
          <tr>
            <th>{t('look.name')}</th>
            <th>{t('look.type')}</th>
            <th>{t('role.label')}</th>
          </tr>
        </thead>
        <tbody>
          {columns.map((column) => (
            <tr key={column.name}>
              <th scope="row">{column.name}</th>
              <td>{t(`type.${column.type}`)}</td>
              <td>
                <RoleBadge role={column.role} />
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}
