// A points scorecard as it is printed and added up by hand: for each column what each range or
// category gives, beside how many rows of the training side it held.
import { count, decimal, short } from '../format';
import { t } from '../messages';
import type { PointsBin, PointsCard, Scorecard } from '../types';
import { Card } from './page';
import { Table } from './table';

function range(bin: PointsBin): string {
  if (bin.missing) return t('points.missing');
  if (bin.categories) return bin.categories.join(', ');
  const from = bin.from === undefined ? '' : short(bin.from);
  const below = bin.below === undefined ? '' : short(bin.below);
  if (!from && !below) return t('points.any');
  if (!from) return t('points.below', { below });
  return below ? t('points.between', { from, below }) : t('points.from', { from });
}

function Rows({ card }: { card: PointsCard }) {
  return (
    <>
      {card.features.map((feature) =>
        feature.bins.map((bin, i) => (
          <tr key={`${feature.feature} ${i}`}>
            {i === 0 && (
              <th scope="rowgroup" rowSpan={feature.bins.length}>
                {feature.feature}
                <br />
                <small>{t('points.information', { value: decimal(feature.information) })}</small>
              </th>
            )}
            <td>{range(bin)}</td>
            <td class="number">{count(bin.negative + bin.positive)}</td>
            <td class="number">{decimal(bin.woe)}</td>
            <td class="number">
              <b>{bin.points}</b>
            </td>
          </tr>
        )),
      )}
    </>
  );
}

export function PointsTable({ card }: { card: Scorecard }) {
  const points = card.points;
  if (!points) return null;
  return (
    <Card title={t('points.title')}>
      <p>
        {t('points.how', {
          base: points.base,
          at: points.at,
          odds: short(points.odds),
          double: Math.abs(points.double),
          positive: card.classes?.[1] ?? '',
          negative: card.classes?.[0] ?? '',
        })}{' '}
        {t(points.double > 0 ? 'points.more_is_safer' : 'points.more_is_riskier', {
          positive: card.classes?.[1] ?? '',
        })}
      </p>
      <Table label={t('points.title')}>
        <thead>
          <tr>
            <th>{t('look.name')}</th>
            <th>{t('points.value')}</th>
            <th class="number">{t('points.rows')}</th>
            <th class="number">{t('points.woe')}</th>
            <th class="number">{t('points.points')}</th>
          </tr>
        </thead>
        <tbody>
          <Rows card={points} />
        </tbody>
      </Table>
    </Card>
  );
}
