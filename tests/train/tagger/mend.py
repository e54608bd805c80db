#!/usr/bin/env python3
"""Mends what the teacher labelled, by rules that hold whatever the teacher thinks.

    mend.py DIVISIONS <taught >mended
    mend.py DIVISIONS conventions <labelled >mended    only where spans begin and end, see below

Cuts signs off spans, drops persons that cannot be names, marks countries, provinces, cities and
well-known institutions that the teacher passed over, and single characters that stand for a
country ("中美两国", "访华").

Conventions, the same for everything that is taught: divisions that follow one another are spans of
their own (the tagger joins them to an address where a street or a house follows), "东部" and "地区"
behind a name are no part of it, a government is named by its place alone, a museum or an airport is
a place, and a country before an organ of the state ("美国国会") is part of the institution.
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
长江 黄河 珠江 淮河 黄海 渤海 南海 华北 东北 西北 华南 华东 华中 西南地区 长江三角洲 珠江三角洲 北京 上海 天津 重庆 中华人民共和国
亚太 海湾 西南 东南亚 次大陆 南亚次大陆 亚马孙 亚得里亚海 克什米尔 车臣 魁北克 苏格兰 北爱尔兰 英格兰 威尔士""".split()
INSTITUTIONS = """国务院 外交部 国防部 教育部 财政部 民政部 司法部 公安部 农业部 卫生部 文化部 商务部 水利部 交通部 铁道部 建设部 监察部 国资委 发改委 证监会 银监会 保监会
中国人民银行 央行 联合国 安理会 联合国安理会 世贸组织 世界贸易组织 世界卫生组织 欧盟 欧洲联盟 北约 东盟 非盟 世界银行 国际货币基金组织 亚太经合组织
中共中央 党中央 中央军委 全国人大 全国人大常委会 全国政协 最高人民法院 最高人民检察院 中国人民解放军 解放军 武警部队 新华社 人民日报 央视 中央电视台
中国共产党 国民党 民进党 共青团 全国妇联 中华全国总工会 国际奥委会 国际足联 白宫 五角大楼 美联储 中国科学院 中科院 社科院 清华大学 北京大学 复旦大学
国会 议会 内阁 众议院 参议院 武警 海军 空军 陆军 省委 市委 县委 区委 亚行 世行 欧佩克 国防部 外务省 大藏省 厚生省 国务院 克里姆林宫 商务部 司法部 劳工部
中共 共青团中央 中央政治局 中宣部 中组部 国家计委 国家经贸委 国家科委 国家教委 国家体委 国家统计局 国家税务总局 海关总署 中国银行 工商银行 建设银行 农业银行
路透社 法新社 美联社 共同社 塔斯社 俄通社 中新社 欧洲央行 欧洲议会 欧盟委员会 亚洲开发银行 非洲开发银行 阿盟 阿拉伯国家联盟 海合会 南盟 独联体 八国集团
共和党 民主党 工党 保守党 自民党 社民党 利库德集团 中国足协 国家队 国奥队 国际刑警组织 红十字会 人民出版社 商务印书馆 中华书局 IBM 英特尔 西门子 摩托罗拉
微软 谷歌 苹果公司 三星 华为 腾讯 阿里巴巴 百度 中国移动 中国联通 中国电信 中石油 中石化""".split()
# One character for a country: only in company that allows no other reading.
ONE = "中美日俄英法德韩朝印澳苏欧亚非以巴越蒙台港意加瑞荷奥"
NATIONS = ONE + "菲泰古伊乌哈埃缅柬尼罗捷匈波"
PAIRS = re.compile("中[美日俄英法德韩朝印苏欧非澳越蒙](?!国|方|文|语|年|午|部|心|医)|[美日俄英法德韩朝欧]中(?=[两双关贸友三之间建合首联谈])|"
                   "[美日俄英法德韩朝欧以巴印][美日俄英法德韩朝欧以巴印](?=[两双关贸友三之间建合首联谈等外峰])|港澳(?!办)|"
                   "港台|粤港|京津|欧美|英美|英法|法德|美日|日美|日韩|韩日|美俄|俄美|美韩|韩美|印巴|巴以|朝韩|苏美|美苏|苏德")
STATE = "政府|总统|总理|外长|首相|防长|国务卿|副总统"
AFTER = re.compile("(?<=[访驻赴旅对反留在来抵援侵])华(?!侨|人|丽|裔|盛|沙|北|东|南|中|西)|(?<=[访驻赴旅留])[美日俄英法德韩朝澳](?=[期的大使学军人记联等后，。、])|"
                   "(?<![一-鿿])[美日俄英法德韩](?=军)|[中美日俄英法德韩朝印澳苏欧以巴越蒙台港意泰菲古伊乌](?=方(?![面向法便案式针位圆程形块格块略剂子差圆])|两国)|"
                   f"(?<![一-鿿])[美日俄英法德韩朝印巴以泰菲](?={STATE})|(?<=[、和与])[美日俄英法德韩朝印巴以加意澳](?=[、和与等])|"
                   "(?<=[在赴来抵离返驻])(?:京|沪|津|穗|港|澳|台|藏)(?!城|九|都|广|沪|门|球|湾|币|上|面|州|阶|风|浦|津|剧|戏|海)|[美日英法德](?=籍)")
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


# ---- conventions ---------------------------------------------------------------------------------

ORGANS = re.compile("国会|议会|国民议会|内阁|众议院|参议院|上院|下院|外交部|国防部|财政部|司法部|商务部|农业部|劳工部|内政部|经济部|教育部|卫生部|文化部|环境部|能源部|"
                    "贸易部|工业部|新闻部|交通部|外务省|大藏省|总统府|总理府|海军|空军|陆军|武警|警察局|总参谋部|最高法院|宪法法院|中央银行|央行|联邦储备|大使馆|使馆|领事馆|总领馆|"
                    "队|代表团|代表队|男队|女队|男排|女排|男篮|女篮|男足|女足|足协|奥委会|共产党|工党|社会党|民主党|执政党联盟")
BELOW = re.compile("(?:党委|党组|团委|党支部|党总支|办公厅|总部|秘书处|组委会|筹委会|常委会|理事会|分社|分会|分行|支行|分公司|支队|大队|中队|编辑部)+")
LOOSE = {prefix + "政府" for prefix in ["", *"省市县区乡镇州", "中央", "联邦", "地方", "特区", "基层", "当地", "各级", "本国", "我国", "现", "新"]} | {
    "国家银行", "中央银行", "商业银行", "执政党", "在野党", "反对党", "政府部门", "国际组织", "外国银行", "大学", "学校", "医院", "公安机关", "法院", "派出所", "公安局", "检察院",
    "市公安局", "联合政府", "希望小学", "国有企业", "有关部门", "教育局", "街道办事处", "居委会", "村委会", "出版社", "银行", "公司", "共产党员", "党和政府"}
FACILITY = re.compile("(博物馆|美术馆|纪念馆|天文馆|展览馆|博览中心|展览中心|图书馆|体育馆|体育场|体育中心|机场|火车站|动物园|植物园|公园|广场|大厦|音乐厅|会堂|陵园|水电站|核电站|故居|水库|大桥)$")
DIRECTION = re.compile("(?<=..)(?:[东西南北中]+部|境内|沿海|上游|中游|下游|郊区|市区|城区|山区|农村|腹地|全境)?(?:地区|山区|沿海地区)?$")
STEP = re.compile("[^省市县区镇乡]{1,7}?(?:省|自治区|自治州|自治县|地区|特区|市|州|盟|县|区|旗|镇|乡)")
NO_STEP = re.compile("[省市县区州镇乡村江河山湖海岛港湾路街盟旗]|地区|自治|[东西南北中一二三四]*(?:路|街|环)|大[街道]|[东西南北中]+部")


def prefectures(folder):
    return {row["name"] for row in rows(folder, "cities")}


def pieces(inner, places):
    """Where a place is cut: the ends of the divisions that it begins with."""
    at, ends = 0, []
    while len(inner) - at > 3:
        found = places.known.match(inner, at)
        if not found or NO_STEP.match(inner, found.end()):
            step = STEP.match(inner, at)
            found = step if step and step.end() - at > 2 else None
        if not found or found.end() - at < 2:
            break
        rest = inner[found.end():]
        admin = rest.endswith(tuple("省市县区旗镇乡村屯州盟"))
        if len(rest) < (2 if admin or places.known.fullmatch(rest) else 4) or not re.search("[一-鿿]", rest[0]):
            break
        if re.match("[东西南北中]+部|境内|沿海|地区|特区|特别行政区|军区|联盟|省军区", rest):
            break
        if re.search("(馆|中心|机场)$", rest) or FACILITY.search(rest) and len(FACILITY.sub("", rest)) < 2:
            break
        at = found.end()
        ends.append(at)
    return ends + [len(inner)]


def shortened(inner, places):
    """Without "东部", "地区" and their like behind a name."""
    if inner in places.prefectures:
        return inner
    head = DIRECTION.sub("", inner, 1)
    if head != inner and (places.known.fullmatch(head) or head[-1] in "省市县州国区"):
        return head
    return inner


def settled(text, spans, places):
    out = []
    for start, end, kind in sorted(spans):
        inner = text[start:end]
        if kind == "ORG" and inner in LOOSE:
            continue
        if kind == "ORG" and inner.endswith("政府") and not inner.endswith("人民政府"):
            head = re.sub("(联邦|特区)?政府$", "", inner)
            if head in ONE or places.known.fullmatch(head) or head[-1:] in tuple("省市县区州乡镇国"):
                kind, end, inner = "LOC", start + len(head), head
            elif may_be_person(head):
                kind, end, inner = "PER", start + len(head), head
        if kind == "ORG" and len(inner) > 4 and inner[0] == "原":
            start, inner = start + 1, inner[1:]
        if kind == "ORG":
            below = BELOW.match(text, end)
            end = below.end() if below else end
            inner = text[start:end]
        if kind == "ORG" and FACILITY.search(inner) and not inner.endswith("公司"):
            kind = "LOC"
        before = out[-1] if out else None
        if kind == "ORG" and before and before[2] == "LOC" and before[1] == start and ORGANS.match(inner):
            name = text[before[0]:before[1]]
            if places.known.fullmatch(name) or len(name) == 1 and name in ONE:
                out[-1] = [before[0], end, "ORG"]
                continue
        if kind == "ORG" and ORGANS.match(inner) and start and re.match("[美俄日英法德以印巴加澳韩越泰菲埃伊朝]", text[start - 1]) and (
                not before or before[1] < start) and not places.known.search(text, max(0, start - 3), start):
            start -= 1
        if kind == "LOC":
            if len(inner) == 2 and inner[0] in ONE and inner[1] in NATIONS and inner not in ("中亚", "中非") and not places.known.fullmatch(inner):
                out += [[start, start + 1, kind], [start + 1, end, kind]]
                continue
            at = start
            for cut in pieces(inner, places):
                piece = text[at:start + cut]
                out.append([at, at + len(shortened(piece, places)), kind])
                at = start + cut
            continue
        out.append([start, end, kind])
    return out


class Places:
    def __init__(self, folder):
        self.known = places(folder)
        self.prefectures = prefectures(folder)


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


def mended(text, spans, places):
    known, out = places.known, []
    for start, end, kind in spans:
        while start < end and text[start] in SIGNS:
            start += 1
        while start < end and text[end - 1] in SIGNS:
            end -= 1
        inner = text[start:end]
        title = re.search("(总理|大娘|主席|总统|先生|女士|大爷|大妈|奶奶|爷爷|书记|市长|老师|医生|教授|主任|经理|同志|律师|大夫|警官|队长|局长|院长|校长|县长|省长|部长|司令|将军|博士|导演|教练|阿姨|叔叔|大叔|大哥|大姐|师傅|处长|科长|主编|所长|工程师|首相|外长|夫人|总裁|董事长|部长|议长)$", inner)
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
    return settled(text, out, places)


def main():
    places_of = Places(sys.argv[1])
    mend = settled if "conventions" in sys.argv else mended
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        spans = [(int(a), int(b), k) for a, b, k in
                 (span.split(",") for span in fields[1].split(";") if span)]
        fields[1] = "".join(f"{a},{b},{k};" for a, b, k in mend(fields[0], spans, places_of))
        print("\t".join(fields))


main()
