"""Contains all the data models used in inputs/outputs"""

from .attainment import Attainment
from .attunement import Attunement
from .award_request import AwardRequest
from .awarded import Awarded
from .bulk_characters_request import BulkCharactersRequest
from .bulk_entries_request import BulkEntriesRequest
from .bulk_items_request import BulkItemsRequest
from .campaign import Campaign
from .campaign_event import CampaignEvent
from .campaign_event_page import CampaignEventPage
from .campaign_page import CampaignPage
from .campaign_patch import CampaignPatch
from .campaign_replacement import CampaignReplacement
from .character import Character
from .character_bulk_created import CharacterBulkCreated
from .character_bulk_outcome import CharacterBulkOutcome
from .character_bulk_result import CharacterBulkResult
from .character_field import CharacterField
from .character_page import CharacterPage
from .character_patch import CharacterPatch
from .character_replacement import CharacterReplacement
from .comparison import Comparison
from .container_load import ContainerLoad
from .dependency import Dependency
from .dependency_status import DependencyStatus
from .edge_kind import EdgeKind
from .equipment_transition import EquipmentTransition
from .event_impact import EventImpact
from .event_impact_page import EventImpactPage
from .experience_entry import ExperienceEntry
from .experience_entry_page import ExperienceEntryPage
from .experience_entry_patch import ExperienceEntryPatch
from .field_error import FieldError
from .give_coins_request import GiveCoinsRequest
from .give_request import GiveRequest
from .given import Given
from .graph_edge import GraphEdge
from .graph_node import GraphNode
from .health import Health
from .health_dependencies import HealthDependencies
from .health_status import HealthStatus
from .impact_type import ImpactType
from .inventory_item import InventoryItem
from .inventory_item_bulk_created import InventoryItemBulkCreated
from .inventory_item_bulk_outcome import InventoryItemBulkOutcome
from .inventory_item_bulk_result import InventoryItemBulkResult
from .inventory_item_field import InventoryItemField
from .inventory_item_page import InventoryItemPage
from .inventory_item_patch import InventoryItemPatch
from .item_restored import ItemRestored
from .join_request import JoinRequest
from .journal_entry import JournalEntry
from .journal_entry_bulk_created import JournalEntryBulkCreated
from .journal_entry_bulk_outcome import JournalEntryBulkOutcome
from .journal_entry_bulk_result import JournalEntryBulkResult
from .journal_entry_page import JournalEntryPage
from .journal_entry_patch import JournalEntryPatch
from .label_request import LabelRequest
from .list_all_quests_importance import ListAllQuestsImportance
from .list_all_quests_status import ListAllQuestsStatus
from .list_campaign_characters_order import ListCampaignCharactersOrder
from .list_characters_order import ListCharactersOrder
from .list_inventory_order import ListInventoryOrder
from .list_quests_importance import ListQuestsImportance
from .list_quests_status import ListQuestsStatus
from .list_sparse_campaign_characters_order import ListSparseCampaignCharactersOrder
from .list_sparse_characters_order import ListSparseCharactersOrder
from .list_sparse_inventory_order import ListSparseInventoryOrder
from .load import Load
from .loosened import Loosened
from .loosened_code import LoosenedCode
from .meta import Meta
from .move_request import MoveRequest
from .new_attainment import NewAttainment
from .new_campaign import NewCampaign
from .new_campaign_event import NewCampaignEvent
from .new_character import NewCharacter
from .new_experience_entry import NewExperienceEntry
from .new_inventory_item import NewInventoryItem
from .new_journal_entry import NewJournalEntry
from .new_npc_relationship import NewNpcRelationship
from .new_quest import NewQuest
from .node_kind import NodeKind
from .npc_relationship import NpcRelationship
from .npc_relationship_page import NpcRelationshipPage
from .npc_relationship_patch import NpcRelationshipPatch
from .probe import Probe
from .probe_status import ProbeStatus
from .problem import Problem
from .problem_code import ProblemCode
from .progress import Progress
from .purse import Purse
from .purse_change import PurseChange
from .quest import Quest
from .quest_importance import QuestImportance
from .quest_page import QuestPage
from .quest_patch import QuestPatch
from .quest_status import QuestStatus
from .related_change import RelatedChange
from .sparse_character import SparseCharacter
from .sparse_character_page import SparseCharacterPage
from .sparse_inventory_item import SparseInventoryItem
from .sparse_inventory_item_page import SparseInventoryItemPage
from .theme_change import ThemeChange
from .theme_transition_request import ThemeTransitionRequest
from .transition import Transition
from .unreadable_row import UnreadableRow
from .unrestored_row import UnrestoredRow
from .version import Version
from .version_graph import VersionGraph
from .version_node import VersionNode
from .version_node_page import VersionNodePage
from .version_restored import VersionRestored
from .version_summary import VersionSummary
from .version_summary_page import VersionSummaryPage

__all__ = (
    "Attainment",
    "Attunement",
    "Awarded",
    "AwardRequest",
    "BulkCharactersRequest",
    "BulkEntriesRequest",
    "BulkItemsRequest",
    "Campaign",
    "CampaignEvent",
    "CampaignEventPage",
    "CampaignPage",
    "CampaignPatch",
    "CampaignReplacement",
    "Character",
    "CharacterBulkCreated",
    "CharacterBulkOutcome",
    "CharacterBulkResult",
    "CharacterField",
    "CharacterPage",
    "CharacterPatch",
    "CharacterReplacement",
    "Comparison",
    "ContainerLoad",
    "Dependency",
    "DependencyStatus",
    "EdgeKind",
    "EquipmentTransition",
    "EventImpact",
    "EventImpactPage",
    "ExperienceEntry",
    "ExperienceEntryPage",
    "ExperienceEntryPatch",
    "FieldError",
    "GiveCoinsRequest",
    "Given",
    "GiveRequest",
    "GraphEdge",
    "GraphNode",
    "Health",
    "HealthDependencies",
    "HealthStatus",
    "ImpactType",
    "InventoryItem",
    "InventoryItemBulkCreated",
    "InventoryItemBulkOutcome",
    "InventoryItemBulkResult",
    "InventoryItemField",
    "InventoryItemPage",
    "InventoryItemPatch",
    "ItemRestored",
    "JoinRequest",
    "JournalEntry",
    "JournalEntryBulkCreated",
    "JournalEntryBulkOutcome",
    "JournalEntryBulkResult",
    "JournalEntryPage",
    "JournalEntryPatch",
    "LabelRequest",
    "ListAllQuestsImportance",
    "ListAllQuestsStatus",
    "ListCampaignCharactersOrder",
    "ListCharactersOrder",
    "ListInventoryOrder",
    "ListQuestsImportance",
    "ListQuestsStatus",
    "ListSparseCampaignCharactersOrder",
    "ListSparseCharactersOrder",
    "ListSparseInventoryOrder",
    "Load",
    "Loosened",
    "LoosenedCode",
    "Meta",
    "MoveRequest",
    "NewAttainment",
    "NewCampaign",
    "NewCampaignEvent",
    "NewCharacter",
    "NewExperienceEntry",
    "NewInventoryItem",
    "NewJournalEntry",
    "NewNpcRelationship",
    "NewQuest",
    "NodeKind",
    "NpcRelationship",
    "NpcRelationshipPage",
    "NpcRelationshipPatch",
    "Probe",
    "ProbeStatus",
    "Problem",
    "ProblemCode",
    "Progress",
    "Purse",
    "PurseChange",
    "Quest",
    "QuestImportance",
    "QuestPage",
    "QuestPatch",
    "QuestStatus",
    "RelatedChange",
    "SparseCharacter",
    "SparseCharacterPage",
    "SparseInventoryItem",
    "SparseInventoryItemPage",
    "ThemeChange",
    "ThemeTransitionRequest",
    "Transition",
    "UnreadableRow",
    "UnrestoredRow",
    "Version",
    "VersionGraph",
    "VersionNode",
    "VersionNodePage",
    "VersionRestored",
    "VersionSummary",
    "VersionSummaryPage",
)
