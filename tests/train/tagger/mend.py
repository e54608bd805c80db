#!/usr/bin/env python3
"""Mends what the teacher labelled, by rules that hold whatever the teacher thinks.

    mend.py DIVISIONS <taught >mended

Cuts signs off spans, drops persons that cannot be names, marks countries, provinces, cities and
well-known institutions that the teacher passed over, and single characters that stand for a
country ("中美两国", "访华").
"""
import re
import sys

from generate import rows
from phrases import SURNAMES, WORLD

COUNTRIES = """中国 美国 日本 俄罗斯 英国 法国 德国 韩国 朝鲜 印度 越南 泰国 加拿大 澳大利亚 巴西 意大利 西班牙 埃及 南非 新加坡
马来西亚 巴基斯坦 缅甸 老挝 柬埔寨 蒙古 哈萨克斯坦 伊朗 伊拉克 以色列 土耳其 乌克兰 波兰 荷兰 瑞士 瑞典 墨西哥 阿根廷 苏联 叙利亚
阿富汗 比利时 奥地利 挪威 芬兰 丹麦 葡萄牙 希腊 匈牙利 捷克 罗马尼亚 南斯拉夫 克罗地亚 斯洛伐克 印度尼西亚 印尼 菲律宾 孟加拉国 尼泊尔 斯里兰卡
新西兰 巴勒斯坦 沙特阿拉伯 科威特 约旦 黎巴嫩 阿联酋 利比亚 苏丹 肯尼亚 尼日利亚 埃塞俄比亚 刚果 安哥拉 津巴布韦 古巴 智利 秘鲁 哥伦比亚 委内瑞拉
乌拉圭 巴拿马 爱尔兰 冰岛 立陶宛 拉脱维亚 爱沙尼亚 白俄罗斯 格鲁吉亚 阿塞拜疆 乌兹别克斯坦 塞尔维亚 保加利亚 香港 澳门 台湾 欧洲 亚洲 非洲 拉美
北美 南美 东南亚 中东 太平洋 大西洋 印度洋 东京 纽约 伦敦 巴黎 莫斯科 首尔 汉城 华盛顿 柏林 悉尼 曼谷 罗马 日内瓦 维也纳 平壤 新德里 洛杉矶 芝加哥
长江 黄河 珠江 淮河 黄海 渤海 南海 华北 东北 西北 华南 华东 华中 西南地区 长江三角洲 珠江三角洲 北京 上海 天津 重庆""".split()
INSTITUTIONS = """国务院 外交部 国防部 教育部 财政部 民政部 司法部 公安部 农业部 卫生部 文化部 商务部 水利部 交通部 铁道部 建设部 监察部 国资委 发改委 证监会 银监会 保监会
中国人民银行 央行 联合国 安理会 联合国安理会 世贸组织 世界贸易组织 世界卫生组织 欧盟 欧洲联盟 北约 东盟 非盟 世界银行 国际货币基金组织 亚太经合组织
中共中央 党中央 中央军委 全国人大 全国人大常委会 全国政协 最高人民法院 最高人民检察院 中国人民解放军 解放军 武警部队 新华社 人民日报 央视 中央电视台
中国共产党 国民党 民进党 共青团 全国妇联 中华全国总工会 国际奥委会 国际足联 白宫 五角大楼 美联储 中国科学院 中科院 社科院 清华大学 北京大学 复旦大学
微软 谷歌 苹果公司 三星 华为 腾讯 阿里巴巴 百度 中国移动 中国联通 中国电信 中石油 中石化""".split()
# One character for a country: only in company that allows no other reading.
ONE = "中美日俄英法德韩朝印澳苏欧亚非以巴越蒙台港意加瑞荷奥"
PAIRS = re.compile("中[美日俄英法德韩朝印苏欧非澳越蒙](?!国|方|文|语|年|午|部|心|医)|[美日俄英法德韩朝欧]中(?=[两双关贸友三之间建合首联谈])|"
                   "[美日俄英法德韩朝欧以巴印][美日俄英法德韩朝欧以巴印](?=[两双关贸友三之间建合首联谈等外峰])|港澳(?!办)|"
                   "港台|粤港|京津|欧美|英美|英法|法德|美日|日美|日韩|韩日|美俄|俄美|美韩|韩美|印巴|巴以|朝韩|苏美|美苏|苏德")
AFTER = re.compile("(?<=[访驻赴旅对反留])华(?!侨|人|丽|裔)|(?<=[访驻赴旅留])[美日俄英法德韩](?=[期的大使学军人])|(?<![一-鿿])[美日俄英法德韩](?=[方军])")
TEAM = re.compile("(?:" + "|".join(COUNTRIES) + ")(?:国家|国奥|女子|男子)?(?:队|女排|男排|女足|男足|女篮|男篮|代表团|代表队|足协)")
FAMILY = {name for name, _ in SURNAMES}
SIGNS = "，。、；：“”…—！？,.;:!?\"'《》（）()-/ "
SOUNDS = set("顿林京甘地莱朗森逊登纳丹丽莎娜尤沃列彼得康华柯皮斯尔特夫德克拉巴布达尼托塔姆曼勒诺洛鲁蒂娃雅穆默姬戈科耶基兹希迪斯莱塞贾埃维琳伊卡桑帕萨法保罗马奥亚安卡格杰利梅普弗伦根玛蒙黛汤威贝哈伯泰麦奇恩迈费里邦索内博菲乔治理查富惠加波欧瑟帕拉凯文比吉")


def may_be_person(text):
    if re.search("[·•]", text) and re.search("[一-鿿]", text):
        return True
    if not re.fullmatch("[一-鿿]+", text):
        return False
    if text[0] in FAMILY or text[:2] in FAMILY or text[0] in "老小阿":
        return len(text) <= 4 or sum(c in SOUNDS for c in text) * 2 > len(text)
    return len(text) > 1 and (sum(c in SOUNDS for c in text) * 3 >= len(text) or len(text) == 4)


def places(folder):
    names = set(COUNTRIES + WORLD)
    for row in rows(folder, "provinces"):
        names.add(row["name"])
        names.add(re.sub("(特别行政区|(维吾尔|壮族|回族)?自治区|[省市])$", "", row["name"]))
    for row in rows(folder, "cities"):
        if row["name"].endswith(("市", "州", "地区")):
            names.add(row["name"])
            if row["name"].endswith("市") and len(row["name"]) > 2:
                names.add(row["name"][:-1])
    for row in rows(folder, "areas"):
        if len(row["name"]) > 2 and row["name"] not in ("市辖区",):
            names.add(row["name"])
    names -= {"市辖区", "和平", "平安", "安康", "君可", "保定", "宝鸡", "东方", "三明", "白银", "海东", "中卫", "吉安", "黄石", "吴忠", "河池", "来宾", "定西", "黄南", "雅安"}
    return re.compile("|".join(sorted(map(re.escape, names), key=len, reverse=True)))


def mended(text, spans, known):
    out = []
    for start, end, kind in spans:
        while start < end and text[start] in SIGNS:
            start += 1
        while start < end and text[end - 1] in SIGNS:
            end -= 1
        inner = text[start:end]
        title = re.search("(总理|大娘|主席|总统|先生|女士|大爷|大妈|奶奶|爷爷|书记|市长|老师|医生|教授|主任|经理|同志|律师|大夫|警官|队长|局长|院长|校长|县长|省长|部长|司令|将军|博士|导演|教练|阿姨|叔叔|大叔|大哥|大姐|师傅|处长|科长|主编|所长|工程师|首相|外长)$", inner)
        if kind == "PER" and title and 0 < title.start() < 4:
            end = start + title.start()
            inner = text[start:end]
        if not inner or re.search("[，。、；！？,;!?]", inner):
            continue
        if kind == "ORG" and (inner.endswith("族") or inner == "中共" and text[end:end + 1] == "党"):
            continue
        if kind == "PER" and not may_be_person(inner):
            continue
        if kind == "PER" and known.fullmatch(inner):
            kind = "LOC"
        if kind == "LOC" and PAIRS.fullmatch(inner):
            out.append([start, start + 1, kind])
            start += 1
        out.append([start, end, kind])
    taken = [False] * len(text)
    for start, end, _ in out:
        taken[start:end] = [True] * (end - start)

    def mark(start, end, kind):
        if not any(taken[start:end]):
            taken[start:end] = [True] * (end - start)
            out.append([start, end, kind])

    for found in TEAM.finditer(text):
        inside = [s for s in out if s[0] >= found.start() and s[1] <= found.end()]
        if sum(taken[found.start():found.end()]) == sum(s[1] - s[0] for s in inside):
            for span in inside:
                out.remove(span)
            taken[found.start():found.end()] = [False] * (found.end() - found.start())
            mark(found.start(), found.end(), "ORG")
    for name in INSTITUTIONS:
        for found in re.finditer(name, text):
            mark(found.start(), found.end(), "ORG")
    for found in known.finditer(text):
        mark(found.start(), found.end(), "LOC")
    for found in PAIRS.finditer(text):
        mark(found.start(), found.start() + 1, "LOC")
        mark(found.start() + 1, found.end(), "LOC")
    for found in re.finditer("中华(?=民族|儿女|文明|大地|文化)", text):
        mark(found.start(), found.end(), "LOC")
    for found in AFTER.finditer(text):
        mark(found.start(), found.end(), "LOC")
    return sorted(out)


def main():
    known = places(sys.argv[1])
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        spans = [(int(a), int(b), k) for a, b, k in
                 (span.split(",") for span in fields[1].split(";") if span)]
        fields[1] = "".join(f"{a},{b},{k};" for a, b, k in mended(fields[0], spans, known))
        print("\t".join(fields))


main()
