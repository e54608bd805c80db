// What every page is made of: heading with focus after navigation, cards, empty and error states.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { ApiError, fault_of } from '../api';
import { explain, t } from '../messages';
import { place } from '../router';
import { Icon, type IconName } from './icon';

export interface Crumb {
  text: string;
  href: string;
}

interface PageProps {
  title: string;
  lead?: ComponentChildren;
  crumbs?: Crumb[];
  actions?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
  badge?: ComponentChildren;
}

export function Page({ title, lead, crumbs, actions, children, wide, badge }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const visit = place.value.visit;
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  // Before the next paint, so that keys pressed right after it start from the heading.
  useLayoutEffect(() => {
    if (visit > 0) heading.current?.focus({ preventScroll: true });
  }, [visit]);
  return (
    <div class={wide ? 'page page-wide' : 'page'}>
      {crumbs && crumbs.length > 0 && (
        <nav class="crumbs" aria-label={t('app.crumbs')}>
          {crumbs.map((crumb) => (
            <a key={crumb.href} href={crumb.href}>
              {crumb.text}
            </a>
          ))}
        </nav>
      )}
      <header class="page-head">
        <div class="page-title">
          <h1 tabIndex={-1} ref={heading}>
            {title}
          </h1>
          {badge}
        </div>
        {actions && <div class="actions no-print">{actions}</div>}
        {lead && <p class="lead">{lead}</p>}
      </header>
      {children}
    </div>
  );
}

interface CardProps {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
  tone?: 'plain' | 'warn' | 'accent';
  flush?: boolean;
}

export function Card({ title, actions, children, id, tone = 'plain', flush }: CardProps) {
  return (
    <section class={`card card-${tone}${flush ? ' card-flush' : ''}`} id={id}>
      {(title || actions) && (
        <div class="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div class="actions no-print">{actions}</div>}
        </div>
      )}
      <div class="card-body">{children}</div>
    </section>
  );
}

export function Empty({
  title,
  text,
  action,
  icon = 'info',
}: {
  title: string;
  text?: string;
  action?: ComponentChildren;
  icon?: IconName;
}) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="empty-title">{title}</p>
      {text && <p>{text}</p>}
      {action && <div class="actions">{action}</div>}
    </div>
  );
}

export function Notice({
  tone = 'info',
  title,
  children,
}: {
  tone?: 'info' | 'warn' | 'bad' | 'good';
  title?: string;
  children?: ComponentChildren;
}) {
  const icon: IconName = tone === 'info' ? 'info' : tone === 'good' ? 'check' : 'warn';
  return (
    <div class={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon name={icon} />
      <div>
        {title && <p class="notice-title">{title}</p>}
        {children && <div>{children}</div>}
      </div>
    </div>
  );
}

// A failed read: what happened, what to do, and once more.
export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  const { text, hint } = explain(fault_of(error));
  const denied = error instanceof ApiError && error.status === 403;
  return (
    <Notice tone={denied ? 'warn' : 'bad'} title={text}>
      {hint && <p>{hint}</p>}
      {retry && !denied && (
        <p>
          <button type="button" class="button" onClick={retry}>
            {t('action.retry')}
          </button>
        </p>
      )}
    </Notice>
  );
}

export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden-text">{t('app.loading')}</span>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} class={`bone bone-${i % 3}`} />
      ))}
    </div>
  );
}

// The usual three states of something read from the server.
export function Shown<T>({
  from,
  children,
  lines,
}: {
  from: { data: T | undefined; error: unknown; reload: () => void };
  children: (data: T) => ComponentChildren;
  lines?: number;
}) {
  if (from.data !== undefined) return <>{children(from.data)}</>;
  if (from.error) return <ErrorBox error={from.error} retry={from.reload} />;
  return <Loading lines={lines ?? 3} />;
}

export function Tabs({
  label,
  items,
}: {
  label: string;
  items: { text: ComponentChildren; href: string; on: boolean }[];
}) {
  return (
    <nav class="tabs no-print" aria-label={label}>
      {items.map((item) => (
        <a key={item.href} href={item.href} aria-current={item.on ? 'page' : undefined}>
          {item.text}
        </a>
      ))}
    </nav>
  );
}

export function Badge({
  tone,
  children,
}: {
  tone: 'plain' | 'good' | 'warn' | 'bad' | 'busy' | 'accent';
  children: ComponentChildren;
}) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}
