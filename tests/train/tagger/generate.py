#!/usr/bin/env python3
"""Writes labelled sentences of the kinds that hospitals, bureaus and banks write, from templates.

    generate.py DIVISIONS MEDICAL_TERMS COUNT SEED >labelled

DIVISIONS: folder with provinces, cities, areas and streets as CSV (modood's, WTFPL).
MEDICAL_TERMS: THUOCL's list (MIT). Everything else is written here. Slots in braces are filled;
PER, LOC, ORG and their kin are labelled. [a|b|c] picks one.
"""
import csv
import random
import re
import sys
from pathlib import Path

from phrases import (BODIES, CITY_ORGS, COMMUNITY_WORDS, COMPANY_TRADES, COMPANY_WORDS, COUNTRIES, DECOYS, FEMALE,
                     FIELDS, FOREIGN, GIVEN_ANY, MALE, MINORITY, PLAIN, ROAD_WORDS, SCHOOLS, SURNAMES,
                     ONE, PARTY_WORDS, STATE_BODIES, TEMPLATES, VILLAGE_WORDS, WORKS, WORLD, sounds)

pick = random.choice


def chance(share):
    return random.random() < share


def rows(folder, name):
    with open(Path(folder) / f"dist__{name}.csv") as file:
        return list(csv.DictReader(file))


class Divisions:
    def __init__(self, folder):
        self.provinces = {row["code"]: row["name"] for row in rows(folder, "provinces")}
        self.cities = {row["code"]: row for row in rows(folder, "cities")}
        self.areas = {row["code"]: row for row in rows(folder, "areas")}
        self.streets = rows(folder, "streets")

    def draw(self):
        street = pick(self.streets)
        area = self.areas[street["areaCode"]]
        city = self.cities[area["cityCode"]]["name"]
        province = self.provinces[area["provinceCode"]]
        if city in ("市辖区", "县") or "直辖" in city:
            city = ""
        name = area["name"] if area["name"] != "市辖区" else ""
        return province, city, name, street["name"]


SURNAME_LIST, SURNAME_WEIGHTS = zip(*SURNAMES)


def surname():
    return random.choices(SURNAME_LIST, SURNAME_WEIGHTS)[0]


def given():
    pool = pick((MALE, FEMALE))
    if chance(0.3):
        pool = GIVEN_ANY
    if chance(0.22):
        return pick(pool)
    first = pick(pool)
    if chance(0.08):
        return first * 2
    return first + pick(pool if chance(0.75) else GIVEN_ANY)


def person():
    draw = random.random()
    if draw < 0.035:
        return pick(MINORITY)()
    if draw < 0.045:
        return pick(FOREIGN)()
    if draw < 0.06:
        return surname() + surname() + given()[:1] if chance(0.5) else surname() + given()
    return surname() + given()


def masked_person():
    return surname() + pick(("某", "某某", "某", "**", "*", "XX", "某" + pick(GIVEN_ANY)))


def nickname():
    return pick(("老", "小", "阿")) + surname()


def short(name):
    cut = re.sub(r"(特别行政区|(维吾尔|壮族|回族)?自治区|[省市县区]|.{2,}族自治[州县])$", "", name)
    return cut if len(cut) > 1 else name


def number(low, high):
    value = random.randint(low, high)
    return str(value) if chance(0.93) else "一二三四五六七八九十"[value % 10]


def road():
    if chance(0.12):
        return pick("东西南北") + pick(("环路", "二环路", "三环路", "大街", "门大街", "外大街"))
    name = pick(ROAD_WORDS) if chance(0.6) else pick(GIVEN_ANY) + pick(GIVEN_ANY)
    middle = pick(("", "", "", "东", "西", "南", "北", "中", "一", "二", "三", "上", "下"))
    return name + middle + pick(("路", "路", "路", "街", "大街", "大道", "巷", "胡同", "弄", "道"))


def highway(_):
    if chance(0.6):
        return road()
    return pick(("京港澳", "沪昆", "京沪", "沈海", "连霍", "青银", "包茂", "广深", "成渝", "绕城", "机场", "京藏", "长深")) + pick(
        ("高速", "高速公路", "高速", "快速路")) if chance(0.7) else pick(("G", "S")) + str(random.randint(1, 330)) + pick(("国道", "省道"))


def community():
    name = pick(COMMUNITY_WORDS) if chance(0.6) else pick(GIVEN_ANY) + pick(GIVEN_ANY)
    return name + pick(("小区", "花园", "家园", "新村", "苑", "公寓", "社区", "城", "府", "里", "花苑", "大厦",
                        "广场", "华庭", "名邸", "湾", "庄园", "一期", "家属院", "宿舍", "嘉园", "雅苑"))


def village():
    name = pick(VILLAGE_WORDS) if chance(0.5) else surname() + pick(("家", "")) + pick("庄寨坡沟湾坝营屯集")
    return name + pick(("村", "村", "村", "屯", "庄"))


def door():
    out = ""
    if chance(0.8):
        out += number(1, 1999) + pick(("号", "号", "号", "弄", "号院", "之" + number(1, 9) + "号"))
    if chance(0.65):
        out += number(1, 60) + pick(("号楼", "栋", "幢", "座", "楼", "#", "号楼", "栋"))
    if out and chance(0.6):
        out += number(1, 6) + pick(("单元", "单元", "门", "梯"))
    if out and chance(0.75):
        out += str(random.randint(1, 33)) + "0" + str(random.randint(1, 9)) + pick(("室", "室", "号", "", "房"))
    if chance(0.05):
        out = f"{random.randint(1, 40)}-{random.randint(1, 6)}-{random.randint(101, 3305)}"
    return out


def upper(divisions):
    province, city, area, street = divisions.draw()
    out = ""
    if chance(0.75):
        out += province if chance(0.85) else short(province)
    if city and (not out or chance(0.9)):
        out += city if chance(0.85) else short(city)
    if area and (not out or chance(0.9)):
        out += area
    return out, street


def address(divisions):
    draw = random.random()
    top, street = upper(divisions)
    if draw < 0.22:  # country
        out = top + (street if chance(0.85) else "") + village()
        if chance(0.6):
            out += number(1, 20) + pick(("组", "社", "队", "村民小组")) + (number(1, 200) + "号" if chance(0.5) else "")
        elif chance(0.5):
            out += number(1, 300) + "号"
        return out
    if draw < 0.3:
        return top + street
    if draw < 0.36 and top:
        return top
    if draw < 0.42:
        return road() + number(1, 1999) + "号"
    if draw < 0.48:
        return community() + (door() or number(1, 30) + "号楼")
    if draw < 0.53:
        return road() + "与" + road() + pick(("交叉口", "路口", "交汇处"))
    out = top
    if chance(0.35) and street.endswith(("街道", "镇", "乡")):
        out += street
    if chance(0.8):
        out += road() + (number(1, 999) + "号" if chance(0.8) else "")
    if chance(0.6):
        out += community()
    return out + door()


def place(divisions):
    province, city, area, street = divisions.draw()
    draw = random.random()
    if draw < 0.25:
        return short(pick([name for name in (province, city, area) if name]))
    if draw < 0.55:
        return pick([name for name in (province, city, area) if name])
    if draw < 0.77:
        return pick(COUNTRIES if chance(0.5) else WORLD)
    if draw < 0.84:
        return street
    if draw < 0.9:
        return road() if chance(0.5) else community()
    return village()


def hospital(divisions):
    province, city, area, _ = divisions.draw()
    town = pick([name for name in (province, city, city, area, area) if name])
    kinds = ("人民医院", "中医院", "第一人民医院", "第二人民医院", "妇幼保健院", "中心医院", "第三医院", "肿瘤医院", "儿童医院",
             "精神卫生中心", "中西医结合医院", "第" + pick("一二三四五六七八九十") + "医院", "疾病预防控制中心", "急救中心",
             "口腔医院", "传染病医院", "胸科医院", "骨科医院", "红十字会医院", "中心血站", "卫生院", "社区卫生服务中心")
    draw = random.random()
    if draw < 0.6:
        return (town if chance(0.7) else short(town)) + pick(kinds)
    if draw < 0.75:
        return short(town) + pick(("大学", "医科大学", "医学院", "中医药大学")) + pick(("附属", "")) + pick(
            ("医院", "第一医院", "第二医院", "第三医院", "附属第一医院", "口腔医院", "人民医院", "中心医院"))
    if draw < 0.83:
        return pick(("省", "市", "县", "区", "我")) + pick(("人民医院", "中医院", "第一医院", "妇幼保健院", "二院"))
    if draw < 0.9:
        return pick(("北京协和医院", "解放军总医院", "华西医院", "湘雅医院", "同济医院", "瑞金医院", "中山医院", "华山医院",
                     "阜外医院", "天坛医院", "宣武医院", "齐鲁医院", "西京医院", "协和医院", "301医院", "北医三院", "仁济医院",
                     "积水潭医院", "安贞医院", "朝阳医院", "友谊医院", "同仁医院", "盛京医院", "珠江医院", "南方医院"))
    if draw < 0.95:
        return pick(GIVEN_ANY) + pick(GIVEN_ANY) + pick(("医院", "中医诊所", "口腔门诊部", "大药房", "体检中心", "眼科医院"))
    return pick([area or city, city or province]) + village()[:-1] + pick(("村卫生室", "镇卫生院", "乡卫生院"))


def bureau(divisions):
    province, city, area, street = divisions.draw()
    town = pick([name for name in (province, city, city, area, area, area) if name])
    if chance(0.12):
        town = pick(("省", "市", "县", "区", "州", "国家"))
    if chance(0.18):
        return (street if chance(0.7) else village()) + pick(
            ("派出所", "人民政府", "办事处", "居委会", "村委会", "社区居民委员会", "村民委员会", "综合行政执法队", "司法所", "党群服务中心"))
    return town + pick(CITY_ORGS)


def company(divisions):
    province, city, area, _ = divisions.draw()
    town = short(pick([name for name in (province, city, area) if name]))
    if chance(0.4):
        town = pick([name for name in (province, city) if name])
    name = pick(COMPANY_WORDS) if chance(0.6) else pick(GIVEN_ANY) + pick(GIVEN_ANY)
    trade = pick(COMPANY_TRADES)
    draw = random.random()
    if draw < 0.6:
        return town + name + trade + pick(("有限公司", "有限公司", "股份有限公司", "集团有限公司", "有限责任公司", "公司", "厂"))
    if draw < 0.7:
        return name + f"（{town}）" + trade + "有限公司"
    if draw < 0.8:
        return name + trade[:2] + pick(("公司", "集团", "科技", "厂", "店", "超市", "商行", "中心", "经营部"))
    if draw < 0.95:
        return bank(town)
    return name + pick(("集团", "科技", "证券", "基金", "资本", "控股", "传媒", "银行", "保险"))


def bank(town):
    name = pick(("中国工商银行", "工商银行", "中国农业银行", "农业银行", "中国银行", "中国建设银行", "建设银行", "交通银行", "招商银行",
                 "中国邮政储蓄银行", "邮储银行", "浦发银行", "民生银行", "中信银行", "兴业银行", "光大银行", "平安银行", "华夏银行",
                 town + "银行", town + "农村商业银行", town + "农村信用合作联社", "工行", "农行", "建行"))
    return name + pick(("", "股份有限公司", town + "分行", town + "支行", road() + "支行", town + road()[:2] + "支行", "营业部"))


def school(divisions):
    province, city, area, _ = divisions.draw()
    town = pick([name for name in (province, city, area) if name])
    draw = random.random()
    if draw < 0.6:
        return (short(town) if chance(0.6) else town) + pick(SCHOOLS)
    if draw < 0.8:
        return (pick(ROAD_WORDS) + pick(("小学", "中学", "幼儿园", "实验小学", "职业技术学院", "学校")))
    return pick(("清华大学", "北京大学", "复旦大学", "浙江大学", "南京大学", "武汉大学", "中山大学", "四川大学", "吉林大学", "中国科学院",
                 "中国人民大学", "同济大学", "厦门大学", "山东大学", "中南大学", "南开大学", "天津大学", "东南大学", "北师大", "中科院"))


def institution(divisions):
    return pick((hospital, bureau, bureau, company, company, school))(divisions)


def nation():
    draw = random.random()
    if draw < 0.35:
        return "中国" if chance(0.7) else "全国"
    return pick(COUNTRIES[:36] if chance(0.6) else WORLD[:90])


def abroad(_):
    return sounds() + pick(("", "", "州", "市", "省", "镇", "河", "岛", "港", "山"))


def body(divisions):
    """An institution as newspapers name them."""
    province, city, area, _ = divisions.draw()
    town = short(pick([name for name in (province, city, area) if name]))
    draw = random.random()
    if draw < 0.22:
        return (nation() if chance(0.85) else pick(ONE)) + pick(STATE_BODIES)
    if draw < 0.47:
        head = nation() if chance(0.6) else pick(("国际", "世界", "亚洲", "非洲", "欧洲", "中华", "国家", "联合国", "亚太", "全国", ""))
        return head + pick(FIELDS) + (pick(FIELDS) if chance(0.15) else "") + pick(BODIES)
    if draw < 0.72:
        place = town if chance(0.6) else pick([name for name in (province, city, area) if name])
        return place + (pick(COMPANY_WORDS) if chance(0.25) else "") + (pick(FIELDS) if chance(0.2) else "") + pick(WORKS)
    if draw < 0.79:
        return (nation() if chance(0.3) else "") + pick(PARTY_WORDS) + pick(PARTY_WORDS + ["", ""]) + "党"
    if draw < 0.9:
        return sounds() + pick(("公司", "公司", "集团", "银行", "大学", "汽车公司", "石油公司", "电视台", "通讯社", "俱乐部", "队", "基金会", "日报", "时报"))
    if draw < 0.95:
        return pick(("新华社", "人民日报社", "中央电视台", "中国科学院", "国务院", "中央军委", "解放军", "武警", "联合国", "欧盟", "北约", "世界银行")) + pick(
            ("", "", "办公厅", "总部", pick(FIELDS) + "研究所", pick(FIELDS) + "司", town + "分社", town + "总队", pick(FIELDS) + "局"))
    return institution(divisions) + pick(("党委", "团委", "党组", "工会", "办公室", "党支部", "组委会"))


class Writer:
    def __init__(self, folder, terms):
        self.divisions = Divisions(folder)
        self.terms = [line.split("\t")[0].strip() for line in open(terms)]
        self.terms = [term for term in self.terms if 2 <= len(term) <= 8]

    def slot(self, name):
        """(text, kind): kind None is not labelled; a list of both is several pieces."""
        d = self.divisions
        if name == "PER":
            return (masked_person() if chance(0.02) else person()), "PER"
        if name in ("ONE", "HUA"):
            return pick(ONE) if name == "ONE" else "华", "LOC"
        labelled = {"NICK": (nickname, "PER"), "MASKED": (masked_person, "PER"), "SUR": (surname, "PER"), "FOREIGNER": (lambda: pick(FOREIGN)() if chance(0.4) else sounds(), "PER"),
                    "XINHUA": (lambda: pick(("新华社", "新华社", "中新社", "路透社", "法新社")), "ORG")}
        if name in labelled:
            make, kind = labelled[name]
            return make(), kind
        placed = {"ADDR": (address, "LOC"), "LOC": (place, "LOC"), "ORG": (institution, "ORG"),
                  "HOSP": (hospital, "ORG"), "BODY": (body, "ORG"), "ABROAD": (abroad, "LOC"),
                  "BUREAU": (bureau, "ORG"), "COMPANY": (company, "ORG"),
                  "ROAD": (highway, "LOC"), "SCHOOL": (school, "ORG"), "UPPER": (lambda d: upper(d)[0] or place(d), "LOC")}
        if name in placed:
            make, kind = placed[name]
            return make(d), kind
        return self.plain(name), None

    def plain(self, name):
        if name == "term":
            return pick(self.terms)
        if name == "decoy":
            return pick(DECOYS)
        if name in PLAIN:
            return pick(PLAIN[name])
        if name == "date":
            y, m, day = random.randint(1998, 2026), random.randint(1, 12), random.randint(1, 28)
            return pick((f"{y}年{m}月{day}日", f"{y}-{m:02}-{day:02}", f"{m}月{day}日", f"{y}.{m}.{day}", f"{y}/{m}/{day}",
                         f"{day}日", f"{y}年{m}月", "昨日", "今日", "当日", "近日"))
        if name == "time":
            return pick((f"{random.randint(0, 23)}:{random.randint(0, 59):02}", f"{random.randint(1, 12)}时许",
                         f"上午{random.randint(8, 11)}点", f"下午{random.randint(1, 5)}时", f"{random.randint(0, 23)}时{random.randint(1, 59)}分"))
        if name == "n":
            return str(random.randint(1, 99))
        if name == "age":
            return str(random.randint(1, 95))
        if name == "big":
            return str(random.randint(100, 99999))
        if name == "money":
            return pick((f"{random.randint(1, 900)}万元", f"{random.randint(100, 99999)}元", f"{random.randint(1, 99)}.{random.randint(0, 9)}亿元"))
        if name == "phone":
            return pick((f"1{random.randint(3000000000, 9999999999)}", f"0{random.randint(10, 999)}-{random.randint(2000000, 89999999)}"))
        if name == "id":
            return f"{random.randint(110000, 659000)}{random.randint(1940, 2020)}{random.randint(1, 12):02}{random.randint(1, 28):02}{random.randint(0, 999):03}{pick('0123456789X')}"
        if name == "code":
            return "".join(pick("ABCDEFGHJK0123456789") for _ in range(random.randint(6, 12)))
        raise KeyError(name)

    def sentence(self):
        template = pick(TEMPLATES)
        while "[" in template:
            template = re.sub(r"\[([^\[\]]*)\]", lambda m: pick(m.group(1).split("|")), template)
        text, spans, kept = "", [], {}
        for piece in re.split(r"(\{[^}]*\})", template):
            if not piece.startswith("{"):
                text += piece
                continue
            name = piece[1:-1]
            # {PER1} twice is the same person twice.
            base = name.rstrip("0123456789")
            value, kind = kept.get(name) or self.slot(base)
            if base != name:
                kept[name] = (value, kind)
            if kind:
                spans.append((len(text), len(text) + len(value), kind))
            text += value
        return text, spans


def disturb(text):
    """Half-width signs, as much of what people type has."""
    if chance(0.25):
        return text.translate(str.maketrans("，：（）；", ",:();"))
    return text


def main():
    random.seed(int(sys.argv[4]))
    writer = Writer(sys.argv[1], sys.argv[2])
    for _ in range(int(sys.argv[3])):
        text, spans = writer.sentence()
        print(disturb(text) + "\t" + "".join(f"{a},{b},{kind};" for a, b, kind in spans))


if __name__ == "__main__":
    main()
